//! Writing the store's objects back as files.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::object;
use content::AnySpec;
use store::ObjectKind;
use types::object::Source;
use wire::{ApplyFile, Export};

/// Every object that is not built in, one file each, in the order in which they can be applied.
pub(crate) async fn export(app: &App) -> ApiResult<Export> {
    let mut files = Vec::new();
    macro_rules! add_all {
        ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
            $(add::<store::$marker>(app, &mut files).await?;)*
        };
    }
    types::for_each_kind!(add_all);
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
