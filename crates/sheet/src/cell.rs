//! A parameter's value in a cell, and back.

use crate::table::Cell;
use serde_json::{Number, Value};
use types::param::{ParamSpec, ParamType};

/// How the cells of a parameter's column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellType {
    /// As they stand.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Real,
    /// `true` and `false`, and what else people write for them.
    Boolean,
    /// JSON.
    Json,
}

impl CellType {
    /// As a heading names it, behind the parameter: `units (integer)`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Json => "json",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Text, Self::Integer, Self::Real, Self::Boolean, Self::Json].into_iter().find(|kind| kind.word() == word)
    }

    /// How the column is read whose heading says nothing.
    pub(crate) fn usual(declared: Option<&ParamSpec>) -> Self {
        let of_schema = |spec: &ParamSpec| match spec.schema.as_ref()?.get("type")?.as_str()? {
            "integer" => Some(Self::Integer),
            "number" => Some(Self::Real),
            "boolean" => Some(Self::Boolean),
            "array" | "object" => Some(Self::Json),
            _ => None,
        };
        let of = |spec: &ParamSpec| match spec.kind {
            Some(ParamType::Boolean) => Some(Self::Boolean),
            Some(ParamType::Integer) => Some(Self::Integer),
            Some(ParamType::Real) => Some(Self::Real),
            Some(ParamType::String) => Some(Self::Text),
            Some(ParamType::Array | ParamType::Object) => Some(Self::Json),
            None => of_schema(spec),
        };
        declared.and_then(of).unwrap_or(Self::Text)
    }

    /// The plainest way to write values: `usual` if they can be written so, else a way that can.
    pub(crate) fn for_values<'a>(usual: Self, values: &(impl Iterator<Item = &'a Value> + Clone)) -> Self {
        let all = [usual, Self::Text, Self::Boolean, Self::Integer, Self::Real];
        let can = |kind: &Self| values.clone().all(|value| kind.write(value).is_some());
        all.into_iter().find(can).unwrap_or(Self::Json)
    }

    /// The cell that is read as `value`. None when no cell of this type is.
    pub(crate) fn write(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Json, value) => Some(json(value)),
            (Self::Text, Value::String(text)) => is_plain(text).then(|| text.clone()),
            (Self::Boolean, Value::Bool(value)) => Some(value.to_string()),
            (Self::Integer, Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
            (Self::Real, Value::Number(number)) => Some(number.to_string()),
            _ => None,
        }
    }

    /// What the cell says, or what it should have said. A text may stand for any value of a parameter that is itself a
    /// template.
    pub(crate) fn read(self, cell: &Cell, is_template: bool) -> Result<Value, &'static str> {
        let text = cell.text();
        let typed = text.trim();
        let read = match self {
            Self::Text => Some(Value::String(text.clone())),
            Self::Integer => integer(typed).map(Value::Number),
            Self::Real => integer(typed).or_else(|| typed.parse().ok().and_then(Number::from_f64)).map(Value::Number),
            Self::Boolean => boolean(typed).map(Value::Bool),
            Self::Json => serde_json::from_str(typed).ok(),
        };
        match read {
            Some(value) => Ok(value),
            None if is_template => Ok(Value::String(text)),
            None => Err(match self {
                Self::Text => "a text",
                Self::Integer => "a whole number",
                Self::Real => "a number",
                Self::Boolean => "true or false",
                Self::Json => "JSON, such as [\"a\", \"b\"] or {\"a\": 1}",
            }),
        }
    }
}

fn integer(text: &str) -> Option<Number> {
    text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match () {
        () if is_one_of(["true", "yes", "on", "1", "y"]) => Some(true),
        () if is_one_of(["false", "no", "off", "0", "n"]) => Some(false),
        () => None,
    }
}

/// Whether a text comes back from a cell as it is: spreadsheet programs drop blanks at the ends and odd signs.
pub(crate) fn is_plain(text: &str) -> bool {
    let is_odd = |sign: char| is_odd(sign) && sign != '\n';
    !text.is_empty() && text.trim() == text && !text.contains(is_odd) && !is_escaped(text)
}

/// Signs that XML does not have, or that nobody sees.
fn is_odd(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// As JSON that comes back from any cell.
pub(crate) fn json(value: &Value) -> String {
    let escape = |sign: char| match sign {
        // Within the basic plane, and in texts only: elsewhere JSON has no such signs.
        sign if is_odd(sign) => format!("\\u{:04x}", u32::from(sign)),
        sign => sign.to_string(),
    };
    value.to_string().chars().map(escape).collect::<String>().replace("_x", "\\u005fx")
}

/// Whether a workbook reads something else for the text: `_x000D_` is a carriage return in one.
fn is_escaped(text: &str) -> bool {
    text.contains("_x")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(kind: CellType, text: &str) -> Result<Value, &'static str> {
        kind.read(&Cell::Text(text.to_owned()), false)
    }

    #[test]
    fn cells_are_read_as_people_write_them() {
        assert_eq!(read(CellType::Boolean, "Yes"), Ok(json!(true)));
        assert_eq!(read(CellType::Integer, " 7 "), Ok(json!(7)));
        assert_eq!(read(CellType::Real, "1.5"), Ok(json!(1.5)));
        assert_eq!(read(CellType::Json, "[1]"), Ok(json!([1])));
        assert_eq!(CellType::Integer.read(&Cell::Number(7.0), false), Ok(json!(7)));
        assert_eq!(CellType::Integer.read(&Cell::Text("{{ n }}".to_owned()), true), Ok(json!("{{ n }}")));
        assert_eq!(read(CellType::Integer, "seven"), Err("a whole number"));
        assert_eq!(read(CellType::Boolean, "maybe"), Err("true or false"));
    }

    #[test]
    fn values_are_written_in_the_plainest_way_that_can_be_read_back() {
        let kind = |values: &[Value]| CellType::for_values(CellType::Text, &values.iter());
        assert_eq!(kind(&[json!("a"), json!("b")]), CellType::Text);
        assert_eq!(kind(&[json!(1), json!(2)]), CellType::Integer);
        assert_eq!(kind(&[json!(1), json!(2.5)]), CellType::Real);
        assert_eq!(kind(&[json!(true)]), CellType::Boolean);
        assert_eq!(kind(&[json!(true), json!("a")]), CellType::Json);
        assert_eq!(kind(&[json!(" a")]), CellType::Json);
        assert_eq!(kind(&[json!("")]), CellType::Json);
    }
}
