//! An object as it is stored, and the writes that all kinds share.

use crate::column::{from_json, from_word, nanos, parse, signed, timestamp, to_json, unsigned, word};
use crate::kinds::shape;
use crate::object::Found;
use crate::seal::Sealer;
use crate::sql::{Executor, QueryBuilder, Row, query};
use crate::writer::Tx;
use crate::{ObjectKind, Selector, StoreError};
use serde_json::{Value, json};
use std::any::Any;
use types::event::{self, NewEvent};
use types::machine::{MachineSpec, MachineStatus};
use types::object::{Kind, Object, Source};
use types::reference::Reference;
use types::secret::SHOWN;
use types::{MachineId, Name, ObjectId};

/// A row of the table, with its secrets sealed.
#[derive(Clone)]
pub(crate) struct ObjectRow {
    pub(crate) id: ObjectId,
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) version: u64,
    pub(crate) source: Source,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl ObjectRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let what = || format!("object {id}");
        Ok(Self {
            id: parse(&id, what)?,
            kind: from_word(row.text("kind")?, what)?,
            name: parse(row.text("name")?, what)?,
            spec: row.get("spec")?,
            status: row.get("status")?,
            version: unsigned(row.get("version")?),
            source: from_word(row.text("source")?, what)?,
            created: row.get("created")?,
            updated: row.get("updated")?,
        })
    }

    fn describe(&self) -> String {
        format!("{} {} ({})", self.kind, self.name, self.id)
    }

    /// The spec with its secrets opened.
    pub(crate) fn open_spec(&self, sealer: &Sealer) -> Result<Value, StoreError> {
        let mut spec: Value = from_json(&self.spec, || self.describe())?;
        for pointer in secrets_in(&spec, self.kind) {
            let Some(slot) = spec.pointer_mut(&pointer).filter(|slot| !slot.is_null()) else { continue };
            let corrupt = || StoreError::Corrupt { what: format!("{pointer} of {}", self.describe()) };
            let sealed = slot["sealed"].as_str().ok_or_else(corrupt)?;
            let opened = sealer.open(sealed, &place(self.kind, self.id, &pointer))?;
            *slot = match slot.get("json") {
                Some(_) => serde_json::from_str(&opened).map_err(|_| corrupt())?,
                None => opened.as_str().into(),
            };
        }
        Ok(spec)
    }

    pub(crate) fn into_object<K: ObjectKind>(self, sealer: &Sealer) -> Result<Found<K>, StoreError> {
        let spec = self.open_spec(sealer)?;
        Ok(Object {
            spec: serde_json::from_value(spec).map_err(|_| StoreError::Corrupt { what: self.describe() })?,
            status: from_json(&self.status, || self.describe())?,
            id: self.id,
            name: self.name,
            version: self.version,
            source: self.source,
            created: timestamp(self.created),
            updated: timestamp(self.updated),
        })
    }

    /// Refuses a change of what is part of the program.
    pub(crate) fn refuse_builtin(&self) -> Result<(), StoreError> {
        if self.source == Source::Builtin {
            return Err(StoreError::ReadOnly { kind: self.kind, name: self.name.clone() });
        }
        Ok(())
    }

    /// Refuses a change by somebody who has not seen the object as it is.
    pub(crate) fn check_change(&self, version: u64) -> Result<(), StoreError> {
        self.refuse_builtin()?;
        if self.version != version {
            return Err(StoreError::Stale { current: self.version });
        }
        Ok(())
    }
}

/// What a sealed secret is bound to.
fn place(kind: Kind, id: ObjectId, pointer: &str) -> String {
    format!("{kind}/{id}{pointer}")
}

fn seal_spec(sealer: &Sealer, kind: Kind, id: ObjectId, mut spec: Value) -> Result<String, StoreError> {
    for pointer in secrets_in(&spec, kind) {
        let Some(slot) = spec.pointer_mut(&pointer).filter(|slot| !slot.is_null()) else { continue };
        let place = place(kind, id, &pointer);
        *slot = match slot.as_str() {
            Some(text) => json!({ "sealed": sealer.seal(text, &place)? }),
            None => json!({ "sealed": sealer.seal(&slot.to_string(), &place)?, "json": true }),
        };
    }
    Ok(to_json(&spec))
}

/// Where the secrets of `spec` are: the pointers of its kind, with each `*` written out.
fn secrets_in(spec: &Value, kind: Kind) -> Vec<String> {
    shape(kind).secrets.iter().flat_map(|pattern| expand(spec, pattern)).collect()
}

fn expand(value: &Value, pattern: &str) -> Vec<String> {
    let Some((before, after)) = pattern.split_once("/*") else { return vec![pattern.to_owned()] };
    let members = value.pointer(before).and_then(Value::as_object).into_iter().flatten();
    let each = members.flat_map(|(key, member)| {
        let here = format!("{before}/{}", key.replace('~', "~0").replace('/', "~1"));
        let further = if after.is_empty() { vec![String::new()] } else { expand(member, after) };
        further.into_iter().map(move |rest| format!("{here}{rest}"))
    });
    each.collect()
}

/// Puts the stored secret where the new spec says only that there is one.
fn keep_secrets(kind: Kind, spec: &mut Value, old: Option<&Value>) -> Result<(), StoreError> {
    for path in secrets_in(spec, kind) {
        let Some(slot) = spec.pointer_mut(&path).filter(|slot| *slot == SHOWN) else { continue };
        let kept = old.and_then(|old| old.pointer(&path)).filter(|kept| !kept.is_null()).cloned();
        *slot = kept.ok_or(StoreError::SecretNotGiven { path })?;
    }
    Ok(())
}

/// A status, if it is that of a machine.
fn of_machine<T: Any>(status: &T) -> Option<&MachineStatus> {
    (status as &dyn Any).downcast_ref()
}

/// The row of an object.
pub(crate) fn find_row(
    executor: impl Executor,
    kind: Kind,
    selector: &Selector,
) -> Result<Option<ObjectRow>, StoreError> {
    let mut query = QueryBuilder::new("SELECT * FROM objects WHERE kind = ");
    query.push_bind(word(kind));
    match selector {
        Selector::Id(id) => query.push(" AND id = ").push_bind(id.to_string()),
        Selector::Name(name) => query.push(" AND name = ").push_bind(name.clone()),
    };
    let row = query.build().fetch_optional(executor)?;
    row.as_ref().map(ObjectRow::read).transpose()
}

impl Tx {
    pub(crate) fn find(&mut self, kind: Kind, selector: &Selector) -> Result<Option<ObjectRow>, StoreError> {
        find_row(&mut self.connection, kind, selector)
    }

    /// The row of an object that must be there.
    pub(crate) fn load(&mut self, kind: Kind, id: ObjectId) -> Result<ObjectRow, StoreError> {
        let missing = || StoreError::NotFound { what: kind.as_str(), id: id.to_string() };
        self.find(kind, &Selector::Id(id))?.ok_or_else(missing)
    }

    /// Makes an object. `spec` has its secrets open.
    pub(crate) fn insert_object(
        &mut self,
        kind: Kind,
        name: Name,
        mut spec: Value,
        source: Source,
    ) -> Result<ObjectRow, StoreError> {
        self.check_name_is_free(kind, &name)?;
        keep_secrets(kind, &mut spec, None)?;
        let (id, now) = (ObjectId::new(), nanos(self.now()));
        let sealed = seal_spec(&self.sealer, kind, id, spec.clone())?;
        let row = ObjectRow {
            id,
            kind,
            name,
            spec: sealed,
            status: "{}".to_owned(),
            version: 1,
            source,
            created: now,
            updated: now,
        };
        query(
            "INSERT INTO objects (id, kind, name, spec, status, version, source, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        )
        .bind(id.to_string())
        .bind(word(kind))
        .bind(row.name.to_string())
        .bind(row.spec.clone())
        .bind(row.status.clone())
        .bind(signed(row.version))
        .bind(word(source))
        .bind(now)
        .execute(&mut self.connection)?;
        self.keep_references(&row, &spec)?;
        self.index(&row, spec)?;
        self.index_new(&row)?;
        self.note_declared(kind);
        Ok(row)
    }

    /// Replaces the spec of `row`; `spec` has its secrets open. False when it is so already.
    pub(crate) fn replace_spec(
        &mut self,
        row: &mut ObjectRow,
        mut spec: Value,
        source: Source,
    ) -> Result<bool, StoreError> {
        let old = row.open_spec(&self.sealer)?;
        keep_secrets(row.kind, &mut spec, Some(&old))?;
        if spec == old {
            return Ok(false);
        }
        let before = row.clone();
        row.spec = seal_spec(&self.sealer, row.kind, row.id, spec.clone())?;
        row.version += 1;
        row.source = source;
        row.updated = nanos(self.now());
        query("UPDATE objects SET spec = ?2, version = ?3, source = ?4, updated = ?5 WHERE id = ?1")
            .bind(row.id.to_string())
            .bind(row.spec.clone())
            .bind(signed(row.version))
            .bind(word(row.source))
            .bind(row.updated)
            .execute(&mut self.connection)?;
        query("DELETE FROM object_references WHERE by_id = ?1")
            .bind(row.id.to_string())
            .execute(&mut self.connection)?;
        self.keep_references(row, &spec)?;
        self.index(row, spec)?;
        self.index_changed(&before, row)?;
        self.note_declared(row.kind);
        Ok(true)
    }

    /// Gives `row` another name.
    pub(crate) fn rename_row(&mut self, row: &mut ObjectRow, name: Name) -> Result<(), StoreError> {
        self.check_name_is_free(row.kind, &name)?;
        let before = row.clone();
        row.name = name;
        row.version += 1;
        row.updated = nanos(self.now());
        query("UPDATE objects SET name = ?2, version = ?3, updated = ?4 WHERE id = ?1")
            .bind(row.id.to_string())
            .bind(row.name.to_string())
            .bind(signed(row.version))
            .bind(row.updated)
            .execute(&mut self.connection)?;
        self.note_declared(row.kind);
        self.index_changed(&before, row)
    }

    /// Keeps the status of `row`.
    pub(crate) fn save_status(&mut self, row: &ObjectRow) -> Result<(), StoreError> {
        query("UPDATE objects SET status = ?2 WHERE id = ?1")
            .bind(row.id.to_string())
            .bind(row.status.clone())
            .execute(&mut self.connection)?;
        Ok(())
    }

    /// Changes what is known of an object.
    pub(crate) fn change_status<K: ObjectKind>(
        &mut self,
        id: ObjectId,
        change: impl FnOnce(&mut K::Status) + Send,
    ) -> Result<ObjectRow, StoreError> {
        let mut row = self.load(K::KIND, id)?;
        let mut status: K::Status = from_json(&row.status, || row.describe())?;
        let before = of_machine(&status).cloned();
        change(&mut status);
        let before_text = std::mem::replace(&mut row.status, to_json(&status));
        self.save_status(&row)?;
        if let (Some(before), Some(after)) = (before, of_machine(&status)) {
            self.index_status(&row, before_text, &before, after)?;
        }
        Ok(row)
    }

    pub(crate) fn delete_row(&mut self, row: &ObjectRow) -> Result<(), StoreError> {
        self.index_gone(row)?;
        self.note_declared(row.kind);
        query("DELETE FROM objects WHERE id = ?1").bind(row.id.to_string()).execute(&mut self.connection)?;
        Ok(())
    }

    /// See [`crate::Store::declared_version`].
    fn note_declared(&mut self, kind: Kind) {
        let is_of_one = matches!(kind, Kind::Machine | Kind::Bmc | Kind::Reservation | Kind::Image | Kind::Deployment);
        self.effects.declared |= !is_of_one;
    }

    /// Keeps what the object names, so that what names an object is found.
    fn keep_references(&mut self, row: &ObjectRow, spec: &Value) -> Result<(), StoreError> {
        for Reference { kind, name, pointer } in (shape(row.kind).references)(spec) {
            query("INSERT INTO object_references (by_id, pointer, kind, name) VALUES (?1, ?2, ?3, ?4)")
                .bind(row.id.to_string())
                .bind(pointer)
                .bind(word(kind))
                .bind(name)
                .execute(&mut self.connection)?;
        }
        Ok(())
    }

    /// Puts on record what a person did to an object. The spec is not part of it: it may hold secrets.
    pub(crate) fn record_change(&mut self, action: &str, row: &ObjectRow, actor: &str) -> Result<(), StoreError> {
        self.keep_version(row, actor)?;
        let machine = (row.kind == Kind::Machine).then(|| MachineId::from(row.id));
        let data = json!({
            "action": action, "kind": row.kind, "name": row.name, "id": row.id, "version": row.version,
        });
        let (at, kind) = (self.now(), event::kind::OPERATOR.to_owned());
        self.append(&NewEvent { at, kind, machine, run: None, actor: actor.to_owned(), data })
    }

    fn check_name_is_free(&mut self, kind: Kind, name: &Name) -> Result<(), StoreError> {
        match self.find(kind, &name.into())? {
            Some(_) => Err(StoreError::NameTaken { kind, name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Keeps what machines are found by.
    pub(crate) fn index(&mut self, row: &ObjectRow, spec: Value) -> Result<(), StoreError> {
        if row.kind != Kind::Machine {
            return Ok(());
        }
        let spec: MachineSpec =
            serde_json::from_value(spec).map_err(|_| StoreError::Corrupt { what: row.describe() })?;
        self.declare_machine(row.id.into(), &spec)
    }
}
