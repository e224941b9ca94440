//! What real BMCs served: everything is found in it, by following links.

use crate::rig::limits;
use bmc::{Bmc, RedfishBmc};
use lab::redfish::tree::TreeServer;
use std::path::{Path, PathBuf};
use types::Secret;
use types::bmc::BmcSpec;

struct Expected {
    vendor: &'static str,
    uuid: &'static str,
    serial: &'static str,
    pending_path: &'static str,
    cd_drives: &'static [&'static str],
    reset_types: &'static [&'static str],
}

/// The archive of `vendor`, if the fixtures are at hand.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn archive(vendor: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/redfish");
    let archive = folder.join(format!("{vendor}.tar.zst"));
    if archive.exists() {
        return Some(archive);
    }
    println!("skipped: there are no captured trees in {}", folder.display());
    None
}

async fn check(expected: Expected) {
    let Some(archive) = archive(expected.vendor) else { return };
    let tree = TreeServer::start(&archive).await.unwrap();
    let spec = BmcSpec {
        url: tree.url(),
        username: "root".to_owned(),
        password: Secret::new("calvin"),
        certificate: Some(tree.certificate_digest()),
    };
    let bmc = RedfishBmc::new(&spec, spec.certificate, limits()).unwrap();
    let identity = bmc.identity().await.unwrap();
    assert_eq!(identity.system_uuid, Some(expected.uuid.parse().unwrap()));
    assert_eq!(identity.serial.as_deref(), Some(expected.serial));
    assert!(identity.bmc_firmware.is_some());
    assert!(bmc.bios_attributes().await.unwrap().len() > 20);
    bmc.pending_bios_attributes().await.unwrap();
    assert_eq!(
        bmc.boot_override().await.unwrap(),
        bmc::BootOverride { mode: Some(bmc::BootMode::Uefi), ..bmc::BootOverride::disabled() }
    );
    let drives = bmc.virtual_media().await.unwrap();
    let cd_drives: Vec<&str> = drives.iter().filter(|drive| drive.takes_cd).map(|drive| drive.slot.as_str()).collect();
    assert_eq!(cd_drives, expected.cd_drives);

    let endpoint = redfish::Endpoint {
        url: tree.url(),
        username: spec.username.clone(),
        password: spec.password.clone(),
        certificate: None,
    };
    let service = redfish::Service::new(endpoint, limits().requests).unwrap();
    let system = service.system().await.unwrap();
    assert_eq!(service.bios(&system).await.unwrap().settings_link(), Some(expected.pending_path));
    assert_eq!(service.reset_types(&system).await.unwrap().unwrap(), expected.reset_types);
    assert!(!service.chassis(&system).await.unwrap().is_empty());
    tree.stop().await;
}

#[tokio::test]
async fn dell_poweredge_r750_idrac9_6_00_30() {
    check(Expected {
        vendor: "dell",
        uuid: "4c4c4544-0035-3410-8050-c6c04f314733",
        serial: "F54P1G3",
        pending_path: "/redfish/v1/Systems/System.Embedded.1/Bios/Settings",
        cd_drives: &["1", "2"],
        reset_types: &[
            "On",
            "ForceOff",
            "ForceRestart",
            "GracefulRestart",
            "GracefulShutdown",
            "PushPowerButton",
            "Nmi",
            "PowerCycle",
        ],
    })
    .await;
}

#[tokio::test]
async fn hpe_proliant_dl385_gen10_plus_v2_ilo5_2_72() {
    check(Expected {
        vendor: "hpe",
        uuid: "34383350-3131-584d-5133-303230393953",
        serial: "MXQ302099S",
        pending_path: "/redfish/v1/systems/1/bios/settings/",
        cd_drives: &["2"],
        reset_types: &[
            "On",
            "ForceOff",
            "GracefulShutdown",
            "ForceRestart",
            "Nmi",
            "PushPowerButton",
            "GracefulRestart",
        ],
    })
    .await;
}

#[tokio::test]
async fn lenovo_thinksystem_sr670_v2_xcc_2_83() {
    check(Expected {
        vendor: "lenovo",
        uuid: "6173ecec-6ef5-11ee-834a-0a8fc3a58a71",
        serial: "J105958B",
        pending_path: "/redfish/v1/Systems/1/Bios/Pending",
        cd_drives: &["EXT1", "EXT2", "EXT3", "EXT4"],
        reset_types: &["On", "Nmi", "GracefulShutdown", "GracefulRestart", "ForceOn", "ForceOff", "ForceRestart"],
    })
    .await;
}

#[tokio::test]
async fn supermicro_sys_821ge_tnhr_11_01_01() {
    check(Expected {
        vendor: "supermicro",
        uuid: "00000000-0000-0000-0000-7cc25550a8ff",
        serial: "S889914X3710910",
        pending_path: "/redfish/v1/Systems/1/Bios/SD",
        cd_drives: &["VirtualMedia1", "VirtualMedia2", "VirtualMedia3"],
        reset_types: &[
            "On",
            "ForceOff",
            "GracefulShutdown",
            "GracefulRestart",
            "ForceRestart",
            "Nmi",
            "ForceOn",
            "PowerCycle",
        ],
    })
    .await;
}
