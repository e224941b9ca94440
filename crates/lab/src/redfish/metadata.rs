//! The OData documents that DSP0266 wants beside the resources.

use serde_json::{Value, json};

/// Schemas in use: a namespace, and its versions.
const SCHEMAS: &[(&str, &str)] = &[
    ("AccountService", "v1_15_0"),
    ("AttributeRegistry", "v1_3_8"),
    ("Bios", "v1_2_2"),
    ("Chassis", "v1_25_0"),
    ("ChassisCollection", ""),
    ("ComputerSystem", "v1_20_0"),
    ("ComputerSystemCollection", ""),
    ("Manager", "v1_19_0"),
    ("ManagerAccount", "v1_12_0"),
    ("ManagerAccountCollection", ""),
    ("ManagerCollection", ""),
    ("MessageRegistryFile", "v1_1_4"),
    ("MessageRegistryFileCollection", ""),
    ("Role", "v1_3_1"),
    ("RoleCollection", ""),
    ("Session", "v1_7_0"),
    ("SessionCollection", ""),
    ("SessionService", "v1_1_9"),
    ("Task", "v1_7_4"),
    ("TaskCollection", ""),
    ("TaskService", "v1_2_1"),
    ("VirtualMedia", "v1_6_3"),
    ("VirtualMediaCollection", ""),
];

/// `/redfish/v1/$metadata`.
pub(super) fn metadata() -> String {
    let references: String = SCHEMAS.iter().map(|(name, version)| reference(name, version)).collect();
    let root = reference("ServiceRoot", "v1_16_1");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <edmx:Edmx xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\" Version=\"4.0\">\n\
         {root}{references}\
         <edmx:DataServices>\n\
         <Schema xmlns=\"http://docs.oasis-open.org/odata/ns/edm\" Namespace=\"Service\">\n\
         <EntityContainer Name=\"Service\" Extends=\"ServiceRoot.v1_16_1.ServiceContainer\"/>\n\
         </Schema>\n\
         </edmx:DataServices>\n\
         </edmx:Edmx>\n"
    )
}

/// `/redfish/v1/odata`.
pub(super) fn service_document() -> Value {
    let services = ["AccountService", "Chassis", "Managers", "Registries", "SessionService", "Systems"];
    let entry = |name: &str, url: &str| json!({"name": name, "kind": "Singleton", "url": url});
    let mut entries = vec![entry("Service", "/redfish/v1/")];
    entries.extend(services.iter().map(|name| entry(name, &format!("/redfish/v1/{name}"))));
    entries.push(entry("Tasks", "/redfish/v1/TaskService"));
    entries.push(entry("Sessions", "/redfish/v1/SessionService/Sessions"));
    json!({"@odata.context": "/redfish/v1/$metadata", "value": entries})
}

fn reference(name: &str, version: &str) -> String {
    let versioned =
        if version.is_empty() { String::new() } else { format!("<edmx:Include Namespace=\"{name}.{version}\"/>") };
    format!(
        "<edmx:Reference Uri=\"http://redfish.dmtf.org/schemas/v1/{name}_v1.xml\">\
         <edmx:Include Namespace=\"{name}\"/>{versioned}</edmx:Reference>\n"
    )
}
