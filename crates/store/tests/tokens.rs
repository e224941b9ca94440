//! Tokens: shown once, kept as hashes, void when they expire or are revoked.

mod rig;

use rig::{Rig, mac, name};
use store::Grant;
use types::MachineId;
use uuid::Uuid;

fn user() -> Grant {
    Grant::User { name: name("ada") }
}

fn agent(machine: MachineId, boot: u128) -> Grant {
    Grant::Agent { machine, boot_id: Uuid::from_u128(boot) }
}

#[tokio::test]
async fn a_token_stands_for_its_grant_also_after_a_crash() {
    let mut rig = Rig::start().await;
    let token = rig.store().issue_token(user(), None).await.unwrap();
    assert_eq!(rig.store().check_token(token.expose()), Some(user()));
    rig.crash().await;
    assert_eq!(rig.store().check_token(token.expose()), Some(user()));
    for wrong in ["", "x", &token.expose()[1..], &format!("{} ", token.expose())] {
        assert_eq!(rig.store().check_token(wrong), None, "{wrong:?}");
    }
}

#[tokio::test]
async fn tokens_differ_and_are_not_in_the_files() {
    let rig = Rig::start().await;
    let one = rig.store().issue_token(user(), None).await.unwrap();
    let two = rig.store().issue_token(user(), None).await.unwrap();
    assert_ne!(one, two);
    assert_eq!(one.expose().len(), 43, "32 bytes in base64");
    let bytes = rig.bytes();
    assert!(!bytes.windows(43).any(|window| window == one.expose().as_bytes()));
}

#[tokio::test]
async fn an_expired_token_is_good_for_nothing() {
    let mut rig = Rig::start().await;
    let grant = Grant::Registration { mac: mac(1) };
    let token = rig.store().issue_token(grant.clone(), Some(rig.after(10))).await.unwrap();
    rig.advance(9);
    assert_eq!(rig.store().check_token(token.expose()), Some(grant));
    rig.advance(1);
    assert_eq!(rig.store().check_token(token.expose()), None);
    rig.crash().await;
    assert_eq!(rig.store().check_token(token.expose()), None);
}

#[tokio::test]
async fn revoking_voids_what_is_meant_and_nothing_else() {
    let mut rig = Rig::start().await;
    let (one, two) = (MachineId::new(), MachineId::new());
    let mut tokens = Vec::new();
    for grant in [agent(one, 1), agent(one, 2), agent(two, 1), user()] {
        tokens.push(rig.store().issue_token(grant, None).await.unwrap());
    }
    assert_eq!(rig.store().revoke_tokens(one, |_| true).await.unwrap(), 2);
    for _ in 0..2 {
        let good: Vec<bool> = tokens.iter().map(|token| rig.store().check_token(token.expose()).is_some()).collect();
        assert_eq!(good, [false, false, true, true]);
        rig.crash().await;
    }
}

#[tokio::test]
async fn one_token_can_be_given_up_and_the_store_knows_whether_anybody_can_log_in() {
    let rig = Rig::start().await;
    assert!(!rig.store().has_lasting_user_token());
    let session = rig.store().issue_token(user(), Some(rig.after(60))).await.unwrap();
    assert!(!rig.store().has_lasting_user_token(), "a session ends");
    let lasting = rig.store().issue_token(user(), None).await.unwrap();
    assert!(rig.store().has_lasting_user_token());
    rig.store().revoke_token(session.expose()).await.unwrap();
    assert_eq!(rig.store().check_token(session.expose()), None);
    assert_eq!(rig.store().check_token(lasting.expose()), Some(user()));
}

#[tokio::test]
async fn what_a_void_token_was_good_for_is_known_for_days_also_after_a_restart() {
    let mut rig = Rig::start().await;
    let machine = MachineId::new();
    let revoked = rig.store().issue_token(agent(machine, 1), None).await.unwrap();
    rig.store().revoke_tokens(machine, |_| true).await.unwrap();
    let registration = Grant::Registration { mac: mac(1) };
    let expired = rig.store().issue_token(registration.clone(), Some(rig.after(10))).await.unwrap();
    rig.advance(10);
    for _ in 0..2 {
        for (token, was) in [(&revoked, agent(machine, 1)), (&expired, registration.clone())] {
            assert_eq!(rig.store().check_token(token.expose()), None);
            assert_eq!(rig.store().void_token(token.expose()), Some(was));
        }
        assert_eq!(rig.store().void_token("never ours"), None);
        rig.crash().await;
    }
    rig.advance(8 * 24 * 3600);
    rig.store().issue_token(user(), None).await.unwrap();
    rig.crash().await;
    assert_eq!(rig.store().void_token(revoked.expose()), None);
    assert_eq!(rig.store().void_token(expired.expose()), None);
}
