//! Lists of machines by an expression.

use crate::App;
use crate::error::{ApiError, ApiResult};
use search::Expression;
use store::Machine;
use types::Name;
use wire::Page;

/// Reads an expression that the query gives as `search`.
pub(crate) fn read(text: &str) -> ApiResult<Expression> {
    text.parse().map_err(ApiError::Search)
}

/// The machines that `name` and `search` of a list ask for, as one expression.
pub(crate) fn of_list(name: Option<&str>, search: Option<&str>) -> ApiResult<Expression> {
    let searched = search.map_or_else(|| Ok(Expression::everything()), read)?;
    Ok(match name {
        Some(part) => searched.and(Expression::name_contains(part)),
        None => searched,
    })
}

/// A part of the machines for which the expression holds, in the order of their names.
pub(crate) async fn machines(
    app: &App,
    expression: &Expression,
    after: Option<&str>,
    limit: usize,
) -> ApiResult<Page<Machine>> {
    let after: Option<Name> = after
        .map(str::parse)
        .transpose()
        .map_err(|error: types::name::ParseNameError| ApiError::Query { name: "after", detail: error.to_string() })?;
    let mut items = app.store.search_machines(expression, after.as_ref(), limit + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.name.to_string());
    Ok(Page { items, next })
}
