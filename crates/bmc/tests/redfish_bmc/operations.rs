//! Every operation against a BMC without faults, twice in a row.

use crate::rig::{Rig, UUID, attributes, chain, client, impatient, limits, simulator, spec};
use bmc::{BiosWrite, Bmc, BmcPool, BootMode, BootOverride, BootTarget, PowerAction, PowerState};
use lab::power::BootSource;
use serde_json::json;
use std::sync::Arc;
use types::{ErrorClass, How, Name, Secret};
use url::Url;

const RESET: &str = "POST Systems/{id}/Actions/ComputerSystem.Reset";

#[tokio::test]
async fn the_identity_names_the_machine_and_its_bmc() {
    let rig = Rig::start().await;
    let identity = rig.bmc.identity().await.unwrap();
    assert_eq!(identity.system_uuid, Some(UUID));
    assert_eq!(identity.serial.as_deref(), Some("LAB0001"));
    assert_eq!(identity.model.as_deref(), Some("Lab machine"));
    assert_eq!(identity.bmc_model.as_deref(), Some("Slipway lab BMC"));
}

#[tokio::test]
async fn a_machine_turned_on_twice_boots_once() {
    let rig = Rig::start().await;
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::Off);
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::AlreadySo);
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::On);
    assert_eq!(rig.boots().len(), 1);
    assert_eq!(rig.count(RESET), 1);
}

#[tokio::test]
async fn a_machine_turned_off_twice_is_told_once() {
    for off in [PowerAction::ForceOff, PowerAction::GracefulShutdown] {
        let rig = Rig::powered_on(limits()).await;
        assert_eq!(rig.bmc.power(off).await.unwrap(), How::Changed);
        assert_eq!(rig.bmc.power(off).await.unwrap(), How::AlreadySo);
        assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::Off);
        assert_eq!(rig.count(RESET), 2);
    }
}

#[tokio::test]
async fn each_restart_is_one_boot_and_turns_on_what_is_off() {
    for restart in [PowerAction::ForceRestart, PowerAction::PowerCycle] {
        let rig = Rig::start().await;
        for boots in 1..=3 {
            assert_eq!(rig.bmc.power(restart).await.unwrap(), How::Changed);
            assert_eq!(rig.boots().len(), boots);
        }
        assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::On);
    }
}

#[tokio::test]
async fn a_boot_override_for_once_holds_for_one_boot() {
    let rig = Rig::start().await;
    let wanted = BootOverride::once(BootTarget::Pxe);
    assert_eq!(rig.bmc.set_boot_override(&wanted).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.set_boot_override(&wanted).await.unwrap(), How::AlreadySo);
    assert!(rig.bmc.boot_override().await.unwrap().satisfies(&wanted));
    rig.bmc.power(PowerAction::On).await.unwrap();
    rig.bmc.power(PowerAction::ForceRestart).await.unwrap();
    let sources: Vec<BootSource> = rig.boots().iter().map(|plan| plan.source).collect();
    assert_eq!(sources, [BootSource::Network, BootSource::DefaultOrder]);
    assert!(rig.bmc.boot_override().await.unwrap().satisfies(&BootOverride::disabled()));
}

#[tokio::test]
async fn a_continuous_boot_override_holds_until_it_is_disabled() {
    let rig = Rig::start().await;
    rig.bmc.set_boot_override(&BootOverride::continuous(BootTarget::Hdd)).await.unwrap();
    rig.bmc.power(PowerAction::On).await.unwrap();
    rig.bmc.power(PowerAction::ForceRestart).await.unwrap();
    assert_eq!(rig.bmc.set_boot_override(&BootOverride::disabled()).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.set_boot_override(&BootOverride::disabled()).await.unwrap(), How::AlreadySo);
    rig.bmc.power(PowerAction::ForceRestart).await.unwrap();
    let sources: Vec<BootSource> = rig.boots().iter().map(|plan| plan.source).collect();
    assert_eq!(sources, [BootSource::Disk, BootSource::Disk, BootSource::DefaultOrder]);
}

#[tokio::test]
async fn the_boot_mode_stays_unless_one_is_named() {
    let rig = Rig::start().await;
    rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Cd)).await.unwrap();
    assert_eq!(rig.bmc.boot_override().await.unwrap().mode, Some(BootMode::Uefi));
    let legacy = BootOverride { mode: Some(BootMode::Legacy), ..BootOverride::once(BootTarget::Cd) };
    assert_eq!(rig.bmc.set_boot_override(&legacy).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.boot_override().await.unwrap().mode, Some(BootMode::Legacy));
}

#[tokio::test]
async fn a_boot_target_that_the_bmc_does_not_list_is_not_sent() {
    let rig = Rig::start().await;
    let floppy = BootOverride::once(BootTarget::Other("Floppy".to_owned()));
    let error = rig.bmc.set_boot_override(&floppy).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Configuration);
    assert_eq!(rig.count("PATCH Systems/{id}"), 0);
}

#[tokio::test]
async fn bios_attributes_are_pending_until_the_next_reset() {
    let rig = Rig::powered_on(limits()).await;
    let wanted = attributes(&[("SriovGlobalEnable", json!("Enabled")), ("NumaNodesPerSocket", json!(4))]);
    assert_eq!(rig.bmc.set_bios_attributes(&wanted).await.unwrap(), BiosWrite::AppliesAtReset);
    assert_eq!(rig.bmc.pending_bios_attributes().await.unwrap(), wanted);
    assert_eq!(rig.bmc.bios_attributes().await.unwrap()["SriovGlobalEnable"], json!("Disabled"));
    assert_eq!(rig.bmc.set_bios_attributes(&wanted).await.unwrap(), BiosWrite::AppliesAtReset);
    assert_eq!(rig.count("PATCH Systems/{id}/Bios/Settings"), 1);

    rig.bmc.power(PowerAction::ForceRestart).await.unwrap();

    assert_eq!(rig.bmc.bios_attributes().await.unwrap()["SriovGlobalEnable"], json!("Enabled"));
    assert!(rig.bmc.pending_bios_attributes().await.unwrap().is_empty());
    assert_eq!(rig.bmc.set_bios_attributes(&wanted).await.unwrap(), BiosWrite::AlreadySo);
}

#[tokio::test]
async fn a_pending_bios_change_can_be_taken_back() {
    let rig = Rig::start().await;
    rig.bmc.set_bios_attributes(&attributes(&[("SecureBoot", json!("Enabled"))])).await.unwrap();
    let back = attributes(&[("SecureBoot", json!("Disabled"))]);
    assert_eq!(rig.bmc.set_bios_attributes(&back).await.unwrap(), BiosWrite::AlreadySo);
    assert!(rig.bmc.pending_bios_attributes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_attribute_that_the_bios_lacks_is_named_and_nothing_is_written() {
    let rig = Rig::start().await;
    let wanted = attributes(&[("SecureBoot", json!("Enabled")), ("Warp", json!(9))]);
    let error = rig.bmc.set_bios_attributes(&wanted).await.unwrap_err();
    assert_eq!(error.to_string(), "the BIOS has no attribute Warp");
    assert_eq!(error.class(), ErrorClass::Configuration);
    assert!(rig.bmc.pending_bios_attributes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_value_that_the_bios_does_not_take_is_a_configuration_error() {
    let rig = Rig::with(impatient()).await;
    let error = rig.bmc.set_bios_attributes(&attributes(&[("SecureBoot", json!("Perhaps"))])).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Configuration);
    assert!(chain(&error).contains("PropertyValueNotInList"), "{}", chain(&error));
}

async fn image_server(content: &'static str) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(async move || content);
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/task.iso").parse().unwrap()
}

#[tokio::test]
async fn an_inserted_image_is_what_the_machine_boots() {
    let rig = Rig::start().await;
    let image = image_server("first").await;
    assert_eq!(rig.bmc.insert_media(&image).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.insert_media(&image).await.unwrap(), How::AlreadySo);
    let drives = rig.bmc.virtual_media().await.unwrap();
    assert_eq!(drives.iter().filter(|drive| drive.inserted).count(), 1);
    rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Cd)).await.unwrap();
    rig.bmc.power(PowerAction::On).await.unwrap();
    let plan = rig.boots().remove(0);
    assert_eq!(plan.source, BootSource::Cd);
    assert_eq!(std::fs::read_to_string(plan.cd.unwrap()).unwrap(), "first");
}

#[tokio::test]
async fn another_image_takes_the_place_of_the_first() {
    let rig = Rig::start().await;
    rig.bmc.insert_media(&image_server("first").await).await.unwrap();
    let second = image_server("second").await;
    assert_eq!(rig.bmc.insert_media(&second).await.unwrap(), How::Changed);
    let images: Vec<String> =
        rig.bmc.virtual_media().await.unwrap().into_iter().filter_map(|drive| drive.image).collect();
    assert_eq!(images, [second.as_str()]);
    assert_eq!(rig.bmc.eject_media().await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.eject_media().await.unwrap(), How::AlreadySo);
}

#[tokio::test]
async fn an_image_that_cannot_be_fetched_is_an_error_that_says_so() {
    let rig = Rig::with(impatient()).await;
    let error = rig.bmc.insert_media(&"http://127.0.0.1:9/none.iso".parse().unwrap()).await.unwrap_err();
    assert!(chain(&error).contains("CouldNotEstablishConnection"), "{}", chain(&error));
    assert!(!rig.bmc.virtual_media().await.unwrap().iter().any(|drive| drive.inserted));
}

#[tokio::test]
async fn one_session_serves_every_operation_and_is_ended_at_the_end() {
    let rig = Rig::powered_on(limits()).await;
    rig.bmc.identity().await.unwrap();
    rig.bmc.bios_attributes().await.unwrap();
    assert_eq!(rig.count("POST SessionService/Sessions"), 1);
    assert_eq!(rig.simulator.session_count(), 1);
    rig.bmc.close().await;
    assert_eq!(rig.simulator.session_count(), 0);
}

#[tokio::test]
async fn without_a_pin_the_first_certificate_is_handed_back_and_no_other_accepted() {
    let machine = Arc::default();
    let (first, second) = (simulator(&machine).await, simulator(&machine).await);
    let mut open = spec(&first);
    open.certificate = None;
    let bmc = client(&open, limits());
    assert_eq!(bmc.certificate(), None);
    bmc.power_state().await.unwrap();
    assert_eq!(bmc.certificate(), Some(first.certificate_digest()));

    let mut moved = spec(&second);
    moved.certificate = bmc.certificate();
    let error = client(&moved, limits()).power_state().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Configuration);
    assert!(chain(&error).contains(&second.certificate_digest().to_string()), "{}", chain(&error));
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_a_configuration_error_that_does_not_show_it() {
    let machine = Arc::default();
    let simulator = simulator(&machine).await;
    let mut wrong = spec(&simulator);
    wrong.password = Secret::new("battery-staple");
    let error = client(&wrong, limits()).power_state().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Configuration);
    assert!(!chain(&error).contains("battery-staple"));
    assert_eq!(simulator.requests().get("POST SessionService/Sessions"), Some(&1));
}

#[tokio::test]
async fn the_pool_keeps_a_connection_until_its_spec_changes() {
    let machine = Arc::default();
    let simulator = simulator(&machine).await;
    let pool = BmcPool::new(limits());
    let name: Name = "m1".parse().unwrap();
    let mut spec = spec(&simulator);
    spec.certificate = None;
    let first = pool.connect(&name, &spec, None).unwrap();
    first.power_state().await.unwrap();
    let pinned = first.certificate();
    assert!(Arc::ptr_eq(&first, &pool.connect(&name, &spec, pinned).unwrap()));
    spec.username = "other".to_owned();
    assert!(!Arc::ptr_eq(&first, &pool.connect(&name, &spec, pinned).unwrap()));
    drop(first);
    pool.close().await;
}
