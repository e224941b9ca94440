//! Every operation against a BMC that misbehaves: it ends right, or with an error of the right class.

use crate::rig::{Rig, attributes, chain, impatient, limits};
use bmc::{BiosWrite, Bmc, BmcError, BootOverride, BootTarget, Limits, PowerAction, PowerState};
use lab::redfish::{Calls, Chance, Hostile};
use serde_json::json;
use std::time::Duration;
use types::{ErrorClass, How};

const RESET: &str = "POST Systems/{id}/Actions/ComputerSystem.Reset";
const LOGIN: &str = "POST SessionService/Sessions";

#[tokio::test]
async fn a_single_401_is_met_with_one_new_login() {
    let rig = Rig::powered_on(limits()).await;
    rig.faults(|faults| faults.unauthorized = Chance::next(1));
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::On);
    assert_eq!(rig.count(LOGIN), 2);
}

#[tokio::test]
async fn a_read_survives_a_bmc_that_refuses_three_good_logins_in_a_row() {
    let rig = Rig::powered_on(limits()).await;
    rig.faults(|faults| faults.unauthorized = Chance::next(3));
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::On);
}

#[tokio::test]
async fn refused_logins_do_not_use_up_the_sessions() {
    let rig = Rig::powered_on(limits()).await;
    for _ in 0..20 {
        rig.faults(|faults| faults.unauthorized = Chance::next(1).on(Calls::Reads));
        rig.bmc.power_state().await.unwrap();
    }
    assert!(rig.simulator.session_count() <= 2, "{} sessions", rig.simulator.session_count());
}

#[tokio::test]
async fn a_restart_whose_proof_cannot_be_read_may_have_happened() {
    let limits = Limits { settle: Duration::from_millis(20), ..limits() };
    let rig = Rig::powered_on(limits).await;
    rig.faults(|faults| faults.loses_answer = Chance::next(1).on(Calls::Writes));
    let (error, ()) = tokio::join!(rig.bmc.power(PowerAction::ForceRestart), async {
        while rig.boots().len() < 2 {
            tokio::task::yield_now().await;
        }
        rig.faults(|faults| faults.drops_connection = Chance::probability(1.0));
    });
    let error = error.unwrap_err();
    assert!(error.effect_is_unknown(), "{}", chain(&error));
    assert_eq!(error.class(), ErrorClass::Network);
}

#[tokio::test]
async fn a_401_to_a_restart_does_not_restart_twice() {
    let rig = Rig::powered_on(limits()).await;
    rig.faults(|faults| faults.unauthorized = Chance::next(1).on(Calls::Writes));
    assert_eq!(rig.bmc.power(PowerAction::ForceRestart).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 2);
}

#[tokio::test]
async fn a_session_that_the_bmc_forgot_is_replaced() {
    let rig = Rig::powered_on(limits()).await;
    rig.simulator.expire_sessions();
    assert_eq!(rig.bmc.power(PowerAction::ForceOff).await.unwrap(), How::Changed);
    assert_eq!(rig.count(LOGIN), 2);
}

#[tokio::test]
async fn a_bmc_without_a_free_session_is_asked_without_one() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.session_limit = 1);
    let other = crate::rig::client(&crate::rig::spec(&rig.simulator), limits());
    other.power_state().await.unwrap();
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::Off);
    assert_eq!(rig.simulator.session_count(), 1);
}

#[tokio::test]
async fn a_bmc_asked_without_a_session_may_answer_401_once() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.session_limit = 1);
    let other = crate::rig::client(&crate::rig::spec(&rig.simulator), limits());
    other.power_state().await.unwrap();
    rig.bmc.power_state().await.unwrap();
    rig.faults(|faults| faults.unauthorized = Chance::next(1));
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn reads_survive_two_bad_answers_of_any_kind() {
    for fault in ["server error", "dropped", "lost", "garbage", "truncated"] {
        let rig = Rig::powered_on(limits()).await;
        rig.faults(|faults| {
            let chance = Chance::next(2).on(Calls::Reads);
            match fault {
                "server error" => faults.server_error = chance,
                "dropped" => faults.drops_connection = chance,
                "lost" => faults.loses_answer = chance,
                "garbage" => faults.garbage = chance,
                _ => faults.truncated = chance,
            }
        });
        let state = rig.bmc.power_state().await;
        assert_eq!(state.unwrap_or_else(|error| panic!("{fault}: {}", chain(&error))), PowerState::On);
    }
}

#[tokio::test]
async fn reads_that_never_succeed_end_with_the_class_of_their_cause() {
    for (fault, class) in [("server error", ErrorClass::Transient), ("dropped", ErrorClass::Network)] {
        let rig = Rig::powered_on(limits()).await;
        rig.faults(|faults| match fault {
            "dropped" => faults.drops_connection = Chance::probability(1.0),
            _ => faults.server_error = Chance::probability(1.0),
        });
        assert_eq!(rig.bmc.power_state().await.unwrap_err().class(), class);
    }
}

#[tokio::test]
async fn a_power_on_whose_answer_is_lost_is_one_boot() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.loses_answer = Chance::next(1).on(Calls::Writes));
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 1);
    assert_eq!(rig.count(RESET), 1);
}

#[tokio::test]
async fn a_restart_whose_answer_is_lost_is_one_boot() {
    for restart in [PowerAction::ForceRestart, PowerAction::PowerCycle] {
        let rig = Rig::powered_on(limits()).await;
        rig.faults(|faults| faults.loses_answer = Chance::next(1).on(Calls::Writes));
        assert_eq!(rig.bmc.power(restart).await.unwrap(), How::Changed);
        assert_eq!(rig.boots().len(), 2);
    }
}

#[tokio::test]
async fn a_restart_that_did_not_happen_is_noticed_and_not_repeated() {
    for forgotten in [true, false] {
        let rig = Rig::powered_on(impatient()).await;
        rig.faults(|faults| {
            let chance = Chance::next(1).on(Calls::Writes);
            if forgotten { faults.forgets = chance } else { faults.drops_connection = chance }
        });
        let error = rig.bmc.power(PowerAction::ForceRestart).await.unwrap_err();
        assert!(matches!(error, BmcError::NotApplied { .. }), "{}", chain(&error));
        assert_eq!(error.class(), ErrorClass::Transient);
        assert!(!error.effect_is_unknown());
        assert_eq!(rig.boots().len(), 1);
        assert_eq!(rig.count(RESET), 2);
    }
}

#[tokio::test]
async fn a_forgotten_power_on_is_asked_for_again() {
    let rig = Rig::with(impatient()).await;
    rig.faults(|faults| faults.forgets = Chance::next(1));
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 1);
}

#[tokio::test]
async fn a_forgotten_bios_change_is_noticed_by_reading_back() {
    let rig = Rig::with(impatient()).await;
    let wanted = attributes(&[("SecureBoot", json!("Enabled"))]);
    rig.faults(|faults| faults.forgets = Chance::probability(1.0));
    let error = rig.bmc.set_bios_attributes(&wanted).await.unwrap_err();
    assert!(matches!(error, BmcError::NotApplied { .. }), "{}", chain(&error));
    assert_eq!(error.class(), ErrorClass::Transient);

    rig.faults(|faults| faults.forgets = Chance::next(1));
    assert_eq!(rig.bmc.set_bios_attributes(&wanted).await.unwrap(), BiosWrite::AppliesAtReset);
}

#[tokio::test]
async fn a_forgotten_boot_override_is_noticed_by_reading_back() {
    let rig = Rig::with(impatient()).await;
    rig.faults(|faults| faults.forgets = Chance::probability(1.0));
    let error = rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Pxe)).await.unwrap_err();
    assert_eq!(error.to_string(), "the BMC took the boot override Pxe Once and still shows no override");
}

#[tokio::test]
async fn a_boot_override_that_shows_late_is_waited_for_and_not_repeated() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.late_override_looks = 5);
    assert_eq!(rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Pxe)).await.unwrap(), How::Changed);
    assert_eq!(rig.count("PATCH Systems/{id}"), 1);
}

#[tokio::test]
async fn a_stale_power_state_is_waited_for_and_nothing_is_done_twice() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.stale_power_looks = 5);
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.power(PowerAction::ForceOff).await.unwrap(), How::Changed);
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 2);
    assert_eq!(rig.count(RESET), 3);
}

#[tokio::test]
async fn work_promised_as_a_task_is_followed_to_its_end() {
    let rig = Rig::with(impatient()).await;
    rig.faults(|faults| faults.tasks_take_looks = Some(100));
    assert_eq!(rig.bmc.power(PowerAction::On).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 1);
    let wanted = attributes(&[("SecureBoot", json!("Enabled"))]);
    assert_eq!(rig.bmc.set_bios_attributes(&wanted).await.unwrap(), BiosWrite::AppliesAtReset);
    assert_eq!(rig.count("PATCH Systems/{id}/Bios/Settings"), 1);
}

#[tokio::test]
async fn a_restart_promised_as_a_task_is_one_boot() {
    let rig = Rig::powered_on(limits()).await;
    rig.faults(|faults| faults.tasks_take_looks = Some(3));
    assert_eq!(rig.bmc.power(PowerAction::ForceRestart).await.unwrap(), How::Changed);
    assert_eq!(rig.boots().len(), 2);
}

#[tokio::test]
async fn a_slow_bmc_ends_in_a_timeout_and_then_works_again() {
    let mut limits = limits();
    limits.requests.request_timeout = Duration::from_millis(500);
    limits.requests.attempts = 1;
    let rig = Rig::powered_on(limits).await;
    rig.faults(|faults| faults.delay = Duration::from_secs(60));
    assert_eq!(rig.bmc.power_state().await.unwrap_err().class(), ErrorClass::Timeout);
    rig.faults(|faults| faults.delay = Duration::ZERO);
    assert_eq!(rig.bmc.power_state().await.unwrap(), PowerState::On);
}

#[tokio::test]
async fn a_bmc_that_is_gone_is_left_alone_after_some_failures() {
    let mut limits = Limits { failures_before_rest: 2, ..limits() };
    limits.requests.attempts = 1;
    let rig = Rig::powered_on(limits).await;
    let Rig { simulator, bmc, .. } = rig;
    simulator.stop().await;
    for _ in 0..2 {
        let error = bmc.power_state().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Network, "{}", chain(&error));
    }
    assert!(matches!(bmc.power_state().await.unwrap_err(), BmcError::Resting { .. }));
}

#[tokio::test]
async fn hostile_answers_end_every_operation_with_an_error() {
    for hostile in [Hostile::HugeBody, Hostile::DeepJson, Hostile::RedirectLoop, Hostile::WrongTypes] {
        let mut limits = impatient();
        limits.requests.attempts = 2;
        let rig = Rig::powered_on(limits).await;
        rig.faults(|faults| faults.hostile = Some(hostile));
        // A system without a UUID or a readable power state is answered with "unknown", not an error.
        if hostile != Hostile::WrongTypes {
            assert!(rig.bmc.identity().await.is_err(), "{hostile:?}");
            assert!(rig.bmc.power_state().await.is_err(), "{hostile:?}");
            assert!(rig.bmc.boot_override().await.is_err(), "{hostile:?}");
        }
        assert!(rig.bmc.bios_attributes().await.is_err(), "{hostile:?}");
        assert!(rig.bmc.power(PowerAction::On).await.is_err(), "{hostile:?}");
        assert!(rig.bmc.power(PowerAction::ForceRestart).await.is_err(), "{hostile:?}");
        assert!(rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Pxe)).await.is_err(), "{hostile:?}");
        assert!(rig.bmc.insert_media(&"http://127.0.0.1:9/x".parse().unwrap()).await.is_err(), "{hostile:?}");
        assert_eq!(rig.boots().len(), 1);
    }
}

/// Tries again while the error says that it may help, as the engine does.
async fn persistently<T, F: Future<Output = Result<T, BmcError>>>(mut attempt: impl FnMut() -> F) -> T {
    for _ in 0..200 {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(error.class().is_worth_retrying(), "{}", chain(&error)),
        }
    }
    panic!("no success in 200 attempts");
}

#[tokio::test]
async fn a_bmc_that_fails_three_times_in_ten_is_brought_where_it_should_be() {
    let rig = Rig::with(impatient()).await;
    rig.faults(|faults| {
        let chance = Chance::probability(0.06);
        // Lost logins leave sessions behind; running out of them is another test.
        faults.session_limit = 10_000;
        faults.drops_connection = chance;
        faults.loses_answer = chance;
        faults.server_error = chance;
        faults.unauthorized = chance;
        faults.truncated = chance;
        faults.forgets = chance;
    });
    let network = BootOverride::once(BootTarget::Pxe);
    for round in 1..=5 {
        let wanted = attributes(&[("NumaNodesPerSocket", json!(round % 4 + 1))]);
        persistently(|| rig.bmc.set_bios_attributes(&wanted)).await;
        persistently(|| rig.bmc.set_boot_override(&network)).await;
        persistently(|| rig.bmc.power(PowerAction::On)).await;
        assert_eq!(rig.simulator.bios_attributes()["NumaNodesPerSocket"], json!(round % 4 + 1));
        assert_eq!(rig.boots().len(), round);
        persistently(|| rig.bmc.power(PowerAction::ForceOff)).await;
    }
}

/// No read-back can show this one: only what the machine boots does.
#[tokio::test]
async fn an_override_for_once_that_the_bmc_ignores_shows_and_has_no_effect() {
    let rig = Rig::start().await;
    rig.faults(|faults| faults.ignores_once_override = true);
    let wanted = BootOverride::once(BootTarget::Pxe);
    assert_eq!(rig.bmc.set_boot_override(&wanted).await.unwrap(), How::Changed);
    rig.bmc.power(PowerAction::On).await.unwrap();
    assert_eq!(rig.boots()[0].source, lab::power::BootSource::DefaultOrder);
    assert!(rig.bmc.boot_override().await.unwrap().satisfies(&BootOverride::disabled()));
}

#[tokio::test]
async fn a_restart_from_inside_the_machine_uses_up_what_was_set_for_the_next_boot() {
    let rig = Rig::powered_on(limits()).await;
    rig.bmc.set_boot_override(&BootOverride::once(BootTarget::Hdd)).await.unwrap();
    rig.bmc.set_bios_attributes(&attributes(&[("SecureBoot", json!("Enabled"))])).await.unwrap();
    assert_eq!(rig.simulator.plan_boot().source, lab::power::BootSource::Disk);
    assert_eq!(rig.bmc.bios_attributes().await.unwrap()["SecureBoot"], json!("Enabled"));
    assert!(rig.bmc.boot_override().await.unwrap().satisfies(&BootOverride::disabled()));
}
