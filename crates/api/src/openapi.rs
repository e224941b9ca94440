//! The OpenAPI document: written by the same lines that route.

use crate::App;
use crate::agent;
use crate::auth::{Access, access};
use crate::routes::{
    designs, events, files, images, isos, kinds, meta, objects, params, pools, runs, session, unattended,
};
use http::Method;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, path::Operation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The document.
pub fn document() -> OpenApi {
    let (_, mut document) = documented().split_for_parts();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if access(&method, path) == Access::Open {
                operation.security = Some(Vec::new());
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn base() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    let info = InfoBuilder::new()
        .title("Slipway")
        .version(wire::VERSION)
        .license(Some(license))
        .description(Some("Provisions servers from bare metal to deployed. Errors are application/problem+json."));
    OpenApiBuilder::new().info(info).security(Some([SecurityRequirement::new("bearer", Vec::<String>::new())])).build()
}

macro_rules! collections {
    ($($(#[$doc:meta])* $name:ident, $module:ident, $words:literal, $kind:ident, $spec:ident, $status:ident;)*) => {
        /// The routes of every kind of object.
        fn collections(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
            router$(
            .routes(routes!(objects::$module::list, objects::$module::create))
            .routes(routes!(objects::$module::read, objects::$module::update, objects::$module::patch, objects::$module::delete))
            )*
        }
    };
}

types::for_each_kind!(collections);

/// Every route with its description.
pub(crate) fn documented() -> OpenApiRouter<App> {
    collections(OpenApiRouter::with_openapi(base()))
        .routes(routes!(kinds::versions))
        .routes(routes!(kinds::uses))
        .routes(routes!(kinds::revert))
        .routes(routes!(kinds::clone))
        .routes(routes!(params::explain))
        .routes(routes!(params::render))
        .merge(designs::routes())
        .routes(routes!(images::upload))
        .routes(routes!(isos::list))
        .routes(routes!(isos::upload, isos::delete))
        .routes(routes!(files::apply))
        .routes(routes!(files::export))
        .routes(routes!(runs::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::read))
        .routes(routes!(runs::command))
        .routes(routes!(runs::resume_failed))
        .routes(routes!(events::list))
        .routes(routes!(events::follow))
        .routes(routes!(pools::list))
        .routes(routes!(meta::whoami))
        .routes(routes!(meta::version))
        .routes(routes!(meta::health))
        .routes(routes!(meta::openapi))
        .routes(routes!(session::login))
        .routes(routes!(session::logout))
        .routes(routes!(agent::register))
        .routes(routes!(agent::next_task))
        .routes(routes!(agent::progress))
        .routes(routes!(agent::result))
        .routes(routes!(agent::log))
        .routes(routes!(agent::image))
        .routes(routes!(agent::call_home))
        .routes(routes!(unattended::built, unattended::asked_built))
        .routes(routes!(unattended::failed, unattended::asked_failed))
        .routes(routes!(unattended::started, unattended::asked_started))
}
