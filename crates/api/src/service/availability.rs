//! Why an object that is valid cannot be used as it is.

use crate::App;
use crate::error::ApiResult;
use render::Site;
use std::any::Any;
use store::{Bmcs, Images, ObjectKind, Selector};
use types::bootenv::BootEnvSpec;
use types::object::{Kind, Object, Spec as _};
use types::os::OperatingSystemSpec;
use wire::View;
use workflow::WorkflowSpec;

/// The object with what it lacks.
pub(crate) async fn view<K: ObjectKind>(
    app: &App,
    site: &Site,
    object: Object<K::Spec, K::Status>,
) -> ApiResult<View<K::Spec, K::Status>> {
    let spec: &dyn Any = &object.spec;
    let mut unavailable = site.missing_of(&object.spec);
    if let Some(os) = spec.downcast_ref::<OperatingSystemSpec>() {
        unavailable.extend(site.misfits_of_os(os));
    }
    if let Some(workflow) = spec.downcast_ref::<WorkflowSpec>() {
        unavailable.extend(site.misfits_of_workflow(workflow));
    }
    if let Some(env) = spec.downcast_ref::<BootEnvSpec>() {
        unavailable.extend(missing_disc(app, env));
    }
    match K::KIND {
        Kind::Template => unavailable.extend(site.broken_text(object.name.as_str())),
        Kind::PartitionTable => unavailable.extend(site.broken_text(&site.layout_text(&object.name))),
        _ => {}
    }
    for named in object.spec.references() {
        let selector = Selector::Name(named.name.clone());
        let is_there = match named.kind {
            Kind::Bmc => app.store.find::<Bmcs>(&selector).await?.is_some(),
            Kind::Image => app.store.find::<Images>(&selector).await?.is_some(),
            _ => true,
        };
        if !is_there {
            unavailable.push(format!("{}: there is no {} {}", named.pointer, named.kind.words(), named.name));
        }
    }
    Ok(View { object, unavailable })
}

/// Why the environment's disc cannot be booted from.
fn missing_disc(app: &App, env: &BootEnvSpec) -> Option<String> {
    let iso = env.iso.as_ref()?;
    if !app.media.contains(&iso.file) {
        return Some(format!("/iso/file: the disc {} is not here; send it with `slipway iso upload`", iso.file));
    }
    let (found, wanted) = (app.media.digest(&iso.file)?, iso.digest?);
    (found != wanted).then(|| format!("/iso/digest: the disc {} that is here has digest {found}", iso.file))
}
