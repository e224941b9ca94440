//! Writing the store's objects back as files.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::object;
use content::AnySpec;
use store::{Bmcs, BootEnvs, Images, Machines, ObjectKind, Reservations, Subnets, Templates, Workflows};
use types::object::Source;
use wire::{ApplyFile, Export};

/// Every object that is not built in, one file each, in the order in which they can be applied.
pub(crate) async fn export(app: &App) -> ApiResult<Export> {
    let mut files = Vec::new();
    add::<Templates>(app, &mut files).await?;
    add::<Images>(app, &mut files).await?;
    add::<BootEnvs>(app, &mut files).await?;
    add::<Workflows>(app, &mut files).await?;
    add::<Subnets>(app, &mut files).await?;
    add::<Reservations>(app, &mut files).await?;
    add::<Bmcs>(app, &mut files).await?;
    add::<Machines>(app, &mut files).await?;
    Ok(Export { files })
}

async fn add<K>(app: &App, files: &mut Vec<ApplyFile>) -> ApiResult<()>
where
    K: ObjectKind,
    AnySpec: From<K::Spec>,
{
    for object in object::all::<K>(app).await? {
        if object.source == Source::Builtin {
            continue;
        }
        let text = content::write(&object.name, &object.spec.into());
        let text = text.map_err(|error| ApiError::fault("writing an object as YAML", error))?;
        files.push(ApplyFile { file: format!("{}/{}.yaml", K::KIND.plural(), object.name), text });
    }
    Ok(())
}
