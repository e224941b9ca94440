//! Every resource, as JSON, made from the state.

use super::bios::{Kind, SETTINGS, Setting};
use super::simulator::Identity;
use super::state::{Account, Session, Slot, State, Task};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Resources by path, without a trailing slash.
pub(super) type Documents = BTreeMap<String, Value>;

pub(super) const ROOT: &str = "/redfish/v1";
pub(super) const SYSTEM: &str = "/redfish/v1/Systems/1";
pub(super) const BIOS: &str = "/redfish/v1/Systems/1/Bios";
pub(super) const BIOS_SETTINGS: &str = "/redfish/v1/Systems/1/Bios/Settings";
pub(super) const MANAGER: &str = "/redfish/v1/Managers/1";
pub(super) const MEDIA: &str = "/redfish/v1/Managers/1/VirtualMedia";
pub(super) const ACCOUNTS: &str = "/redfish/v1/AccountService/Accounts";
pub(super) const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
pub(super) const TASKS: &str = "/redfish/v1/TaskService/Tasks";
pub(super) const MONITORS: &str = "/redfish/v1/TaskService/TaskMonitors";
pub(super) const SESSION_TIMEOUT_SECONDS: u64 = 1800;

/// What a reset may be.
pub(super) const RESET_TYPES: &[&str] = &["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"];
/// What a boot override may be.
pub(super) const BOOT_TARGETS: &[&str] = &["None", "Pxe", "Hdd", "Cd", "UefiHttp"];
/// For how long a boot override may hold.
pub(super) const BOOT_ENABLED: &[&str] = &["Disabled", "Once", "Continuous"];
/// Firmware modes.
pub(super) const BOOT_MODES: &[&str] = &["UEFI", "Legacy"];
/// Predefined roles and their privileges (DSP0266, "Roles").
pub(super) const ROLES: &[(&str, &[&str])] = &[
    ("Administrator", &["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"]),
    ("Operator", &["Login", "ConfigureComponents", "ConfigureSelf"]),
    ("ReadOnly", &["Login", "ConfigureSelf"]),
];

/// The resources of the part of the service that `path` is in. `on` is what the machine's power shows as.
///
/// Only that part, since thousands of BMCs share a processor when a whole fleet is simulated.
pub(super) fn around(path: &str, identity: &Identity, state: &State, on: bool) -> Documents {
    let mut documents = Documents::new();
    let below = path.strip_prefix(ROOT).unwrap_or(path).trim_start_matches('/');
    match below.split('/').next().unwrap_or_default() {
        "" => drop(documents.insert(ROOT.to_owned(), root(identity))),
        "Systems" => systems(&mut documents, identity, state, on),
        "Managers" => managers(&mut documents, identity, state),
        "Chassis" => chassis(&mut documents, identity, on),
        "AccountService" => accounts(&mut documents, &state.accounts),
        "SessionService" => sessions(&mut documents, &state.sessions),
        "TaskService" => tasks(&mut documents, &state.tasks),
        "Registries" => registries(&mut documents),
        _ => {}
    }
    documents
}

fn link(path: &str) -> Value {
    json!({"@odata.id": path})
}

fn add(documents: &mut Documents, path: &str, kind: &str, mut document: Value) {
    document["@odata.id"] = json!(path);
    document["@odata.type"] = json!(format!("#{kind}"));
    documents.insert(path.to_owned(), document);
}

fn add_collection(documents: &mut Documents, path: &str, kind: &str, name: &str, members: &[String]) {
    let members: Vec<Value> = members.iter().map(|id| link(&format!("{path}/{id}"))).collect();
    let document = json!({"Name": name, "Members@odata.count": members.len(), "Members": members});
    add(documents, path, &format!("{kind}.{kind}"), document);
}

fn root(identity: &Identity) -> Value {
    json!({
        "@odata.id": "/redfish/v1/",
        "@odata.type": "#ServiceRoot.v1_16_1.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "RedfishVersion": "1.18.0",
        "UUID": identity.service_uuid,
        "Vendor": "Slipway lab",
        "Product": "Slipway lab BMC",
        "ProtocolFeaturesSupported": {
            "ExpandQuery": {"ExpandAll": false, "Levels": false, "Links": false, "NoLinks": false},
            "ExcerptQuery": false,
            "FilterQuery": false,
            "OnlyMemberQuery": false,
            "SelectQuery": false,
        },
        "Systems": link("/redfish/v1/Systems"),
        "Chassis": link("/redfish/v1/Chassis"),
        "Managers": link("/redfish/v1/Managers"),
        "Registries": link("/redfish/v1/Registries"),
        "Tasks": link("/redfish/v1/TaskService"),
        "SessionService": link("/redfish/v1/SessionService"),
        "AccountService": link("/redfish/v1/AccountService"),
        "Links": {"Sessions": link(SESSIONS)},
    })
}

fn systems(documents: &mut Documents, identity: &Identity, state: &State, on: bool) {
    let one = ["1".to_owned()];
    add_collection(documents, "/redfish/v1/Systems", "ComputerSystemCollection", "Systems", &one);
    let mut system = json!({
        "Id": "1",
        "Name": identity.name,
        "SystemType": "Physical",
        "Manufacturer": "Slipway lab",
        "Model": identity.model,
        "SerialNumber": identity.serial,
        "UUID": identity.uuid,
        "BiosVersion": "1.0.0",
        "PowerState": if on { "On" } else { "Off" },
        "Status": {"State": if on { "Enabled" } else { "Disabled" }, "Health": "OK"},
        "Boot": {
            "BootSourceOverrideEnabled": state.boot.enabled,
            "BootSourceOverrideEnabled@Redfish.AllowableValues": BOOT_ENABLED,
            "BootSourceOverrideTarget": state.boot.target,
            "BootSourceOverrideTarget@Redfish.AllowableValues": BOOT_TARGETS,
            "BootSourceOverrideMode": state.boot.mode,
            "BootSourceOverrideMode@Redfish.AllowableValues": BOOT_MODES,
        },
        "Bios": link(BIOS),
        "VirtualMedia": link(MEDIA),
        "Links": {"Chassis": [link("/redfish/v1/Chassis/1")], "ManagedBy": [link(MANAGER)]},
        "Actions": {"#ComputerSystem.Reset": {
            "target": format!("{SYSTEM}/Actions/ComputerSystem.Reset"),
            "ResetType@Redfish.AllowableValues": RESET_TYPES,
        }},
    });
    if let Some(time) = &state.last_reset {
        system["LastResetTime"] = json!(time);
    }
    add(documents, SYSTEM, "ComputerSystem.v1_20_0.ComputerSystem", system);
    let bios = json!({
        "Id": "Bios",
        "Name": "BIOS settings",
        "AttributeRegistry": "BiosAttributeRegistry.v1_0_0",
        "Attributes": state.bios,
        "@Redfish.Settings": {
            "@odata.type": "#Settings.v1_3_5.Settings",
            "SettingsObject": link(BIOS_SETTINGS),
            "SupportedApplyTimes": ["OnReset"],
        },
    });
    add(documents, BIOS, "Bios.v1_2_2.Bios", bios);
    let settings = json!({
        "Id": "Settings",
        "Name": "BIOS settings for the next reset",
        "AttributeRegistry": "BiosAttributeRegistry.v1_0_0",
        "Attributes": state.pending,
    });
    add(documents, BIOS_SETTINGS, "Bios.v1_2_2.Bios", settings);
}

fn managers(documents: &mut Documents, identity: &Identity, state: &State) {
    let one = ["1".to_owned()];
    add_collection(documents, "/redfish/v1/Managers", "ManagerCollection", "Managers", &one);
    let manager = json!({
        "Id": "1",
        "Name": "BMC",
        "ManagerType": "BMC",
        "Manufacturer": "Slipway lab",
        "Model": "Slipway lab BMC",
        "FirmwareVersion": env!("CARGO_PKG_VERSION"),
        "ServiceEntryPointUUID": identity.service_uuid,
        "UUID": identity.service_uuid,
        "Status": {"State": "Enabled", "Health": "OK"},
        "VirtualMedia": link(MEDIA),
        "Links": {"ManagerForServers": [link(SYSTEM)], "ManagerForChassis": [link("/redfish/v1/Chassis/1")]},
    });
    add(documents, MANAGER, "Manager.v1_19_0.Manager", manager);
    let slots: Vec<String> = (1..=state.slots.len()).map(|number| number.to_string()).collect();
    add_collection(documents, MEDIA, "VirtualMediaCollection", "Virtual media", &slots);
    for (id, slot) in slots.iter().zip(&state.slots) {
        add(documents, &format!("{MEDIA}/{id}"), "VirtualMedia.v1_6_3.VirtualMedia", media(id, slot));
    }
}

fn media(id: &str, slot: &Slot) -> Value {
    let inserted = slot.url.is_some();
    let image_name = slot.url.as_deref().and_then(|url| url.rsplit('/').next());
    json!({
        "Id": id,
        "Name": format!("Virtual drive {id}"),
        "MediaTypes": if id == "1" { json!(["CD", "DVD"]) } else { json!(["USBStick"]) },
        "Image": slot.url,
        "ImageName": image_name,
        "Inserted": inserted,
        "ConnectedVia": if inserted { "URI" } else { "NotConnected" },
        "WriteProtected": true,
        "TransferProtocolType": Value::Null,
        "Actions": {
            "#VirtualMedia.InsertMedia": {"target": format!("{MEDIA}/{id}/Actions/VirtualMedia.InsertMedia")},
            "#VirtualMedia.EjectMedia": {"target": format!("{MEDIA}/{id}/Actions/VirtualMedia.EjectMedia")},
        },
    })
}

fn chassis(documents: &mut Documents, identity: &Identity, on: bool) {
    let one = ["1".to_owned()];
    add_collection(documents, "/redfish/v1/Chassis", "ChassisCollection", "Chassis", &one);
    let chassis = json!({
        "Id": "1",
        "Name": "Chassis",
        "ChassisType": "RackMount",
        "Manufacturer": "Slipway lab",
        "Model": identity.model,
        "SerialNumber": identity.serial,
        "PowerState": if on { "On" } else { "Off" },
        "Status": {"State": "Enabled", "Health": "OK"},
        "Links": {"ComputerSystems": [link(SYSTEM)], "ManagedBy": [link(MANAGER)]},
    });
    add(documents, "/redfish/v1/Chassis/1", "Chassis.v1_25_0.Chassis", chassis);
}

fn accounts(documents: &mut Documents, accounts: &[Account]) {
    let service = json!({
        "Id": "AccountService",
        "Name": "Account service",
        "ServiceEnabled": true,
        "MinPasswordLength": 8,
        "MaxPasswordLength": 64,
        "Accounts": link(ACCOUNTS),
        "Roles": link("/redfish/v1/AccountService/Roles"),
    });
    add(documents, "/redfish/v1/AccountService", "AccountService.v1_15_0.AccountService", service);
    let ids: Vec<String> = accounts.iter().map(|account| account.id.clone()).collect();
    add_collection(documents, ACCOUNTS, "ManagerAccountCollection", "Accounts", &ids);
    for account in accounts {
        let path = format!("{ACCOUNTS}/{}", account.id);
        add(documents, &path, "ManagerAccount.v1_12_0.ManagerAccount", account_document(account));
    }
    let roles: Vec<String> = ROLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let path = "/redfish/v1/AccountService/Roles";
    add_collection(documents, path, "RoleCollection", "Roles", &roles);
    for (name, privileges) in ROLES {
        let role = json!({
            "Id": name, "Name": name, "RoleId": name, "IsPredefined": true,
            "AssignedPrivileges": privileges, "OemPrivileges": [],
        });
        add(documents, &format!("{path}/{name}"), "Role.v1_3_1.Role", role);
    }
}

fn account_document(account: &Account) -> Value {
    json!({
        "Id": account.id,
        "Name": "User account",
        "UserName": account.username,
        "Password": Value::Null,
        "RoleId": account.role,
        "Enabled": account.enabled,
        "Locked": false,
        "AccountTypes": ["Redfish"],
        "PasswordChangeRequired": account.password_change_required,
        "Links": {"Role": link(&format!("/redfish/v1/AccountService/Roles/{}", account.role))},
    })
}

fn sessions(documents: &mut Documents, sessions: &[Session]) {
    let service = json!({
        "Id": "SessionService",
        "Name": "Session service",
        "ServiceEnabled": true,
        "SessionTimeout": SESSION_TIMEOUT_SECONDS,
        "Sessions": link(SESSIONS),
    });
    add(documents, "/redfish/v1/SessionService", "SessionService.v1_1_9.SessionService", service);
    let ids: Vec<String> = sessions.iter().map(|session| session.id.clone()).collect();
    add_collection(documents, SESSIONS, "SessionCollection", "Sessions", &ids);
    for session in sessions {
        let document = json!({
            "Id": session.id, "Name": "User session", "UserName": session.account,
            "Password": Value::Null, "SessionType": "Redfish",
        });
        add(documents, &format!("{SESSIONS}/{}", session.id), "Session.v1_7_0.Session", document);
    }
}

fn tasks(documents: &mut Documents, tasks: &[Task]) {
    let service = json!({
        "Id": "TaskService",
        "Name": "Task service",
        "ServiceEnabled": true,
        "CompletedTaskOverWritePolicy": "Oldest",
        "LifeCycleEventOnTaskStateChange": false,
        "Tasks": link(TASKS),
    });
    add(documents, "/redfish/v1/TaskService", "TaskService.v1_2_1.TaskService", service);
    let ids: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
    add_collection(documents, TASKS, "TaskCollection", "Tasks", &ids);
    for task in tasks {
        add(documents, &format!("{TASKS}/{}", task.id), "Task.v1_7_4.Task", task_document(task));
    }
}

fn task_document(task: &Task) -> Value {
    let mut document = json!({
        "Id": task.id,
        "Name": task.name,
        "TaskState": if task.work.is_some() { "Running" } else { "Completed" },
        "TaskStatus": "OK",
        "Messages": [],
    });
    if task.work.is_some() {
        document["TaskMonitor"] = json!(format!("{MONITORS}/{}", task.id));
    }
    document
}

fn registries(documents: &mut Documents) {
    let path = "/redfish/v1/Registries";
    let id = "BiosAttributeRegistry.v1_0_0";
    add_collection(
        documents,
        path,
        "MessageRegistryFileCollection",
        "Registries",
        &["BiosAttributeRegistry".to_owned()],
    );
    let file = json!({
        "Id": "BiosAttributeRegistry",
        "Name": "BIOS attribute registry file",
        "Registry": id,
        "Languages": ["en"],
        "Languages@odata.count": 1,
        "Location": [{"Language": "en", "Uri": format!("{path}/{id}")}],
        "Location@odata.count": 1,
    });
    add(documents, &format!("{path}/BiosAttributeRegistry"), "MessageRegistryFile.v1_1_4.MessageRegistryFile", file);
    let registry = json!({
        "Id": id,
        "Name": "BIOS attribute registry",
        "Language": "en",
        "OwningEntity": "Slipway",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {"Attributes": SETTINGS.iter().map(registry_entry).collect::<Vec<Value>>()},
    });
    add(documents, &format!("{path}/{id}"), "AttributeRegistry.v1_3_8.AttributeRegistry", registry);
}

fn registry_entry(setting: &Setting) -> Value {
    let mut entry = json!({
        "AttributeName": setting.name, "DisplayName": setting.shown_as, "ReadOnly": false, "ResetRequired": true,
    });
    match setting.kind {
        Kind::Enumeration(values) => {
            let values: Vec<Value> =
                values.iter().map(|value| json!({"ValueName": value, "ValueDisplayName": value})).collect();
            entry["Type"] = json!("Enumeration");
            entry["Value"] = json!(values);
        }
        Kind::Integer { lowest, highest } => {
            entry["Type"] = json!("Integer");
            entry["LowerBound"] = json!(lowest);
            entry["UpperBound"] = json!(highest);
        }
    }
    entry
}
