//! Tokens: random texts that stand for a right. Only their hashes are kept.
//!
//! A token has 256 random bits, so that one SHA-256 is enough: there is nothing to guess. The valid ones are
//! held in memory, since every request of every agent asks for one.

use crate::column::{from_json, nanos, timestamp, to_json};
use crate::sql::{Connection, query, query_as};
use crate::{Store, StoreError};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};
use types::{MacAddr, MachineId, Name, RunId, Secret, Timestamp};
use uuid::Uuid;

/// What the holder of a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Grant {
    /// Everything a person may.
    User {
        /// Whose.
        name: Name,
    },
    /// Register the machine that has this card.
    Registration {
        /// The card.
        mac: MacAddr,
    },
    /// Register once more what it registered: the boot that used the token first.
    Registered {
        /// The card.
        mac: MacAddr,
        /// That boot.
        boot_id: Uuid,
    },
    /// Be the machine's agent during one boot.
    Agent {
        /// The machine.
        machine: MachineId,
        /// The kernel's boot id.
        boot_id: Uuid,
    },
    /// Say how the installation of an operating system ended, and that what it installed is up.
    Installer {
        /// The machine.
        machine: MachineId,
        /// The run that it works for.
        run: RunId,
    },
    /// Say that the installed system is up.
    CallHome {
        /// The machine.
        machine: MachineId,
        /// The run that installed it.
        run: RunId,
    },
}

type Hash = [u8; 32];

/// How often expired tokens are swept out of memory. Until then they are there and not valid.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The valid tokens.
#[derive(Default)]
pub(crate) struct TokenCache(RwLock<Tokens>);

#[derive(Default)]
struct Tokens {
    by_hash: HashMap<Hash, Held>,
    /// Those whose grant names the machine.
    of_machine: HashMap<MachineId, Vec<Hash>>,
    swept: Option<Timestamp>,
    /// Those that are void, the oldest first, to know again who comes with one.
    void: VecDeque<Hash>,
    was: HashMap<Hash, Grant>,
    /// When each machine's agent was heard last, and of which boot it was.
    heard: HashMap<MachineId, (Uuid, Timestamp)>,
}

/// Void tokens that are known again: a day's of a site where ten thousand machines boot twice.
const VOID: usize = 40_000;
/// How long void tokens are kept on disk: a machine that is switched on again after some days off.
const VOID_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Clone)]
pub(crate) struct Held {
    grant: Grant,
    expires: Option<Timestamp>,
    issued: Timestamp,
}

/// What a transaction did to the tokens.
#[derive(Debug, Clone)]
pub(crate) enum TokenChange {
    Issued(Hash, Held),
    Revoked(Hash),
    /// A registration token was used, unless it was before.
    Tied(Hash, Grant),
    /// Those that had expired by then are forgotten.
    Expired(Timestamp),
}

impl TokenCache {
    /// Takes over what has become durable.
    pub(crate) fn take_over(&self, changes: Vec<TokenChange>) {
        if changes.is_empty() {
            return;
        }
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match change {
                TokenChange::Issued(hash, held) => tokens.insert(hash, held),
                TokenChange::Revoked(hash) => tokens.remove(&hash),
                TokenChange::Tied(hash, grant) => tokens.tie(&hash, grant),
                TokenChange::Expired(now) => tokens.sweep(now),
            }
        }
    }

    fn find(&self, hash: &Hash, now: Timestamp) -> Option<Grant> {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tokens.by_hash.get(hash).filter(|held| held.is_valid(now)).map(|held| held.grant.clone())
    }

    fn of_machine(&self, machine: MachineId, meant: impl Fn(&Grant) -> bool) -> Vec<Hash> {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let hashes = tokens.of_machine.get(&machine).into_iter().flatten();
        hashes.filter(|hash| tokens.by_hash.get(*hash).is_some_and(|held| meant(&held.grant))).copied().collect()
    }

    fn has_lasting_user(&self) -> bool {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tokens.by_hash.values().any(|held| held.expires.is_none() && matches!(held.grant, Grant::User { .. }))
    }
}

impl Tokens {
    fn insert(&mut self, hash: Hash, held: Held) {
        if let Some(machine) = held.grant.machine() {
            self.of_machine.entry(machine).or_default().push(hash);
        }
        self.by_hash.insert(hash, held);
    }

    fn remove(&mut self, hash: &Hash) {
        let Some(Held { grant, .. }) = self.by_hash.remove(hash) else { return };
        self.remember(*hash, grant.clone());
        let Some(machine) = grant.machine() else { return };
        if let Some(hashes) = self.of_machine.get_mut(&machine) {
            hashes.retain(|known| known != hash);
            if hashes.is_empty() {
                self.of_machine.remove(&machine);
            }
        }
    }

    fn tie(&mut self, hash: &Hash, to: Grant) {
        if let Some(held) = self.by_hash.get_mut(hash)
            && matches!(held.grant, Grant::Registration { .. })
        {
            held.grant = to;
        }
    }

    fn remember(&mut self, hash: Hash, grant: Grant) {
        if self.was.insert(hash, grant).is_none() {
            self.void.push_back(hash);
        }
        if self.void.len() > VOID
            && let Some(oldest) = self.void.pop_front()
        {
            self.was.remove(&oldest);
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.swept.is_some_and(|swept| now.duration_since(swept).abs() < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let expired = self.by_hash.iter().filter(|(_, held)| !held.is_valid(now)).map(|(hash, _)| *hash);
        for hash in expired.collect::<Vec<_>>() {
            self.remove(&hash);
        }
    }
}

impl Grant {
    fn machine(&self) -> Option<MachineId> {
        match self {
            Self::Agent { machine, .. } | Self::CallHome { machine, .. } | Self::Installer { machine, .. } => {
                Some(*machine)
            }
            Self::User { .. } | Self::Registration { .. } | Self::Registered { .. } => None,
        }
    }
}

impl Held {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// The tokens that are valid at `now`, and those that are void since lately.
pub(crate) fn load(connection: &mut Connection, now: Timestamp) -> Result<TokenCache, StoreError> {
    let what = || "a token".to_owned();
    let hash = |bytes: Vec<u8>| Hash::try_from(bytes).map_err(|_| StoreError::Corrupt { what: what() });
    let rows: Vec<(Vec<u8>, String, i64, Option<i64>)> = query_as(
        "SELECT hash, grant_, issued, expires FROM tokens
         WHERE voided IS NULL AND (expires IS NULL OR expires > ?1)",
    )
    .bind(nanos(now))
    .fetch_all(&mut *connection)?;
    let mut tokens = Tokens::default();
    for (bytes, grant, issued, expires) in rows {
        let grant = from_json(&grant, what)?;
        tokens.insert(hash(bytes)?, Held { grant, expires: expires.map(timestamp), issued: timestamp(issued) });
    }
    let void: Vec<(Vec<u8>, String)> = query_as(
        "SELECT hash, grant_ FROM tokens WHERE voided IS NOT NULL OR expires <= ?1
         ORDER BY ifnull(voided, expires) DESC LIMIT ?2",
    )
    .bind(nanos(now))
    .bind(VOID as i64)
    .fetch_all(connection)?;
    for (bytes, grant) in void.into_iter().rev() {
        tokens.remember(hash(bytes)?, from_json(&grant, what)?);
    }
    Ok(TokenCache(RwLock::new(tokens)))
}

impl Store {
    /// A new token for `grant`, good until `expires`. It cannot be shown again.
    pub async fn issue_token(&self, grant: Grant, expires: Option<Timestamp>) -> Result<Secret, StoreError> {
        let token = self.new_token()?;
        self.keep_token(hash(&token), grant, expires).await?;
        Ok(Secret::new(token))
    }

    /// A token that is lost with this process when the disk takes nothing now: for what is asked again anyway.
    pub async fn issue_fleeting_token(&self, grant: Grant, expires: Timestamp) -> Result<Secret, StoreError> {
        let token = self.new_token()?;
        let hash = hash(&token);
        match self.keep_token(hash, grant.clone(), Some(expires)).await {
            Err(passing) if passing.is_passing() => {
                let held = Held { grant, expires: Some(expires), issued: self.inner.clock.now() };
                self.inner.signals.tokens.take_over(vec![TokenChange::Issued(hash, held)]);
            }
            kept => kept?,
        }
        Ok(Secret::new(token))
    }

    fn new_token(&self) -> Result<String, StoreError> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(self.inner.sealer.random::<32>()?))
    }

    async fn keep_token(&self, hash: Hash, grant: Grant, expires: Option<Timestamp>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let now = tx.now();
            let forgotten = now.checked_sub(VOID_FOR).map_or(i64::MIN, nanos);
            query("DELETE FROM tokens WHERE expires <= ?1").bind(forgotten).execute(&mut tx.connection)?;
            query("DELETE FROM tokens WHERE voided <= ?1").bind(forgotten).execute(&mut tx.connection)?;
            query("INSERT INTO tokens (hash, grant_, issued, expires) VALUES (?1, ?2, ?3, ?4)")
                .bind(hash.to_vec())
                .bind(to_json(&grant))
                .bind(nanos(now))
                .bind(expires.map(nanos))
                .execute(&mut tx.connection)?;
            tx.effects.tokens.push(TokenChange::Expired(now));
            tx.effects.tokens.push(TokenChange::Issued(hash, Held { grant, expires, issued: now }));
            Ok(())
        })
        .await
    }

    /// What the token is good for now, if anything. Answered from memory.
    pub fn check_token(&self, token: &str) -> Option<Grant> {
        self.inner.signals.tokens.find(&hash(token), self.inner.clock.now())
    }

    /// What the token was good for before it became void, if that is still known.
    pub fn void_token(&self, token: &str) -> Option<Grant> {
        let tokens = self.inner.signals.tokens.0.read().unwrap_or_else(PoisonError::into_inner);
        let hash = hash(token);
        tokens.was.get(&hash).or_else(|| tokens.by_hash.get(&hash).map(|held| &held.grant)).cloned()
    }

    /// When the token, if it is good for anything now, was issued.
    pub fn token_issued(&self, token: &str) -> Option<Timestamp> {
        let tokens = self.inner.signals.tokens.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = tokens.by_hash.get(&hash(token))?;
        held.is_valid(self.inner.clock.now()).then_some(held.issued)
    }

    /// The machine's agent of that boot has said something.
    pub fn hear_agent(&self, machine: MachineId, boot_id: Uuid) {
        let mut tokens = self.inner.signals.tokens.0.write().unwrap_or_else(PoisonError::into_inner);
        tokens.heard.insert(machine, (boot_id, self.inner.clock.now()));
    }

    /// Whether an agent of the machine, of another boot than `boot_id`, has said something since `token` was issued.
    /// A machine that restarts is silent before its loader asks for a token, so there are two machines then.
    pub fn is_heard_elsewhere(&self, machine: MachineId, boot_id: Uuid, token: &str) -> bool {
        let tokens = self.inner.signals.tokens.0.read().unwrap_or_else(PoisonError::into_inner);
        let issued = tokens.by_hash.get(&hash(token)).map(|held| held.issued);
        match (tokens.heard.get(&machine), issued) {
            (Some((heard, at)), Some(issued)) => *heard != boot_id && *at > issued,
            _ => false,
        }
    }

    /// Ties a registration token to the boot that uses it first. Gives whether it is this one.
    pub async fn tie_registration(&self, token: &str, boot_id: Uuid) -> Result<bool, StoreError> {
        let mac = match self.check_token(token) {
            Some(Grant::Registered { boot_id: first, .. }) => return Ok(first == boot_id),
            Some(Grant::Registration { mac }) => mac,
            _ => return Ok(false),
        };
        let hash = hash(token);
        let grant = Grant::Registered { mac, boot_id };
        self.write(move |tx| {
            // Of two boots that come at once, the first counts, here as in memory. There may be no row: a token that is
            // issued on a full disk is in memory only.
            query("UPDATE tokens SET grant_ = ?2 WHERE hash = ?1 AND grant_ ->> 'for' = 'registration'")
                .bind(hash.to_vec())
                .bind(to_json(&grant))
                .execute(&mut tx.connection)?;
            tx.effects.tokens.push(TokenChange::Tied(hash, grant));
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(matches!(self.check_token(token), Some(Grant::Registered { boot_id: first, .. }) if first == boot_id))
    }

    /// Whether anybody can log in with a token that does not expire.
    pub fn has_lasting_user_token(&self) -> bool {
        self.inner.signals.tokens.has_lasting_user()
    }

    /// Makes every token of the machine void whose grant is meant. Gives how many.
    pub async fn revoke_tokens(
        &self,
        machine: MachineId,
        meant: impl Fn(&Grant) -> bool + Send + 'static,
    ) -> Result<usize, StoreError> {
        let hashes = self.inner.signals.tokens.of_machine(machine, meant);
        if hashes.is_empty() { Ok(0) } else { self.revoke(hashes).await }
    }

    /// Makes one token void.
    pub async fn revoke_token(&self, token: &str) -> Result<(), StoreError> {
        self.revoke(vec![hash(token)]).await.map(drop)
    }

    async fn revoke(&self, hashes: Vec<Hash>) -> Result<usize, StoreError> {
        self.write(move |tx| {
            let (count, now) = (hashes.len(), nanos(tx.now()));
            for hash in hashes {
                query("UPDATE tokens SET voided = ?2 WHERE hash = ?1 AND voided IS NULL")
                    .bind(hash.to_vec())
                    .bind(now)
                    .execute(&mut tx.connection)?;
                tx.effects.tokens.push(TokenChange::Revoked(hash));
            }
            Ok(count)
        })
        .await
    }
}
