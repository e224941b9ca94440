//! Lists.

use super::ask::{ask, given};
use super::{Answer, check_length, compare, integer, is_blank, list_of, place, text_of, wrong};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use std::cmp::Ordering;

pub(super) fn call(value: &Value, method: &str, args: &[Value]) -> Option<Answer> {
    let items = match list_of(value) {
        Ok(items) => items,
        Err(error) => return Some(Err(error)),
    };
    asking(&items, method, args)
        .or_else(|| reading(&items, method, args))
        .or_else(|| changing(&items, method, args))
        .or_else(|| by_answers(&items, method, args))
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from(items.into_iter().collect::<Vec<_>>())
}

/// Methods that ask each element something by name: `map("identifier")`.
fn asking(items: &[Value], method: &str, args: &[Value]) -> Option<Answer> {
    let [question] = args else { return None };
    let question = question.as_str()?;
    let name = match method {
        "map" | "flat_map" | "filter_map" | "select" | "reject" | "find" | "any" | "all" | "none" | "one"
        | "sort_by" | "min_by" | "max_by" | "group_by" | "partition" | "find_index" | "each" | "pluck" => question,
        _ => return None,
    };
    let answers = match items.iter().map(|item| ask(item, name)).collect::<Result<Vec<Value>, Error>>() {
        Ok(answers) => answers,
        Err(error) => return Some(Err(error)),
    };
    let by = |method: &str| by_answers(items, method, &[list(answers.clone())]);
    match method {
        "map" | "pluck" => Some(Ok(list(answers))),
        "filter_map" => Some(Ok(list(answers.into_iter().filter(given)))),
        "flat_map" => Some(flatten(&answers, Some(1)).map(list)),
        "select" => by("select_by"),
        "reject" => by("reject_by"),
        "find" => by("find_by"),
        "partition" => by("partition_by"),
        "sort_by" => by("sort_by_keys"),
        "min_by" => by("min_by_keys"),
        "max_by" => by("max_by_keys"),
        "group_by" => by("group_by_keys"),
        "find_index" => Some(Ok(Value::from(answers.iter().position(given)))),
        "any" => Some(Ok(Value::from(answers.iter().any(given)))),
        "all" => Some(Ok(Value::from(answers.iter().all(given)))),
        "none" => Some(Ok(Value::from(!answers.iter().any(given)))),
        "one" => Some(Ok(Value::from(answers.iter().filter(|answer| given(answer)).count() == 1))),
        _ => Some(Ok(list(items.to_vec()))),
    }
}

/// Methods that give one thing.
fn reading(items: &[Value], method: &str, args: &[Value]) -> Option<Answer> {
    let nil = || Value::from(());
    Some(Ok(match (method, args) {
        ("length" | "size" | "count", []) => Value::from(items.len()),
        ("count", [wanted]) => match wanted.as_str().map(|name| items.iter().map(|item| ask(item, name)).collect()) {
            Some(Ok::<Vec<Value>, Error>(answers)) if !items.contains(wanted) => {
                Value::from(answers.iter().filter(|a| given(a)).count())
            }
            _ => Value::from(items.iter().filter(|item| *item == wanted).count()),
        },
        ("first", []) => items.first().cloned().unwrap_or_else(nil),
        ("last", []) => items.last().cloned().unwrap_or_else(nil),
        ("dig" | "slice" | "at", [index]) if index.as_i64().is_some() => {
            let at = place(index.as_i64().unwrap_or_default(), items.len());
            at.and_then(|at| items.get(at)).cloned().unwrap_or_else(nil)
        }
        ("fetch", [index, default @ ..]) => {
            let at = index.as_i64().and_then(|index| place(index, items.len()));
            match (at.and_then(|at| items.get(at)), default) {
                (Some(item), _) => item.clone(),
                (None, [default]) => default.clone(),
                _ => return Some(Err(wrong(format!("the list has no element {}", text_of(index))))),
            }
        }
        ("join", [] | [_]) => {
            let separator = args.first().map(text_of).unwrap_or_default();
            return Some(joined(items, &separator).map(Value::from));
        }
        ("index" | "find_index", [wanted]) => Value::from(items.iter().position(|item| item == wanted)),
        ("rindex", [wanted]) => Value::from(items.iter().rposition(|item| item == wanted)),
        ("any", []) => Value::from(items.iter().any(given)),
        ("all", []) => Value::from(items.iter().all(given)),
        ("none", []) => Value::from(!items.iter().any(given)),
        ("one", []) => Value::from(items.iter().filter(|item| given(item)).count() == 1),
        ("many", []) => Value::from(items.len() > 1),
        ("min", []) => return Some(extreme(items, Ordering::Less)),
        ("max", []) => return Some(extreme(items, Ordering::Greater)),
        ("minmax", []) => {
            return Some(
                extreme(items, Ordering::Less).and_then(|min| Ok(list([min, extreme(items, Ordering::Greater)?]))),
            );
        }
        ("sum", _) => return Some(sum(items, args)),
        ("to_h", []) => return Some(to_map(items)),
        ("to_sentence", []) => Value::from(sentence(items)),
        _ => return None,
    }))
}

/// Methods that give another list.
fn changing(items: &[Value], method: &str, args: &[Value]) -> Option<Answer> {
    let many = |at: usize| args.get(at).and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok());
    Some(Ok(match (method, args.len()) {
        ("to_a" | "entries" | "pairs" | "to_ary", 0) => list(items.to_vec()),
        ("push" | "append", _) => list(items.iter().chain(args).cloned()),
        ("unshift" | "prepend", _) => list(args.iter().chain(items).cloned()),
        ("concat", _) => return Some(concat(items, args)),
        ("plus", 1) => return Some(concat(items, args)),
        ("minus" | "difference", 1) => return Some(list_of(&args[0]).map(|gone| list(without(items, &gone)))),
        ("deleted", 1) => items.iter().find(|item| **item == args[0]).cloned().unwrap_or_else(|| Value::from(())),
        ("without", 1) => list(without(items, args)),
        ("without_at", 1) => {
            let gone = args[0].as_i64().and_then(|at| place(at, items.len()));
            list(items.iter().enumerate().filter(|(at, _)| Some(*at) != gone).map(|(_, item)| item.clone()))
        }
        ("without_last", 0) => list(items.iter().take(items.len().saturating_sub(1)).cloned()),
        ("without_first", 0) => list(items.iter().skip(1).cloned()),
        ("union", 1) => return Some(concat(items, args).and_then(|both| Ok(list(unique(&list_of(&both)?))))),
        ("intersection", 1) => {
            return Some(
                list_of(&args[0]).map(|other| list(unique(items).into_iter().filter(|item| other.contains(item)))),
            );
        }
        ("times", 1) => match args[0].as_str() {
            Some(separator) => return Some(joined(items, separator).map(Value::from)),
            None => return Some(repeated(items, args)),
        },
        ("uniq", 0) => list(unique(items)),
        ("compact", 0) => list(items.iter().filter(|item| !item.is_none()).cloned()),
        ("compact_blank", 0) => list(items.iter().filter(|item| !is_blank(item)).cloned()),
        ("flatten", 0) => return Some(flatten(items, None).map(list)),
        ("flatten", 1) => return Some(flatten(items, many(0)).map(list)),
        ("reverse", 0) => list(items.iter().rev().cloned()),
        ("sort", 0) => return Some(sorted(items).map(list)),
        ("first" | "take", 1) => list(items.iter().take(many(0).unwrap_or(0)).cloned()),
        ("last", 1) => list(items.iter().skip(items.len().saturating_sub(many(0).unwrap_or(0))).cloned()),
        ("drop", 1) => list(items.iter().skip(many(0).unwrap_or(0)).cloned()),
        ("slice", 2) => match args[0].as_i64().and_then(|at| place(at, items.len())).filter(|at| *at <= items.len()) {
            Some(at) => list(items.iter().skip(at).take(many(1).unwrap_or(0)).cloned()),
            None => Value::from(()),
        },
        ("slice_range", 2 | 3) => {
            let part = super::text::range(items.to_vec(), args);
            return Some(part.map(|part| part.map_or_else(|| Value::from(()), list)));
        }
        ("each_slice", 1) => list(items.chunks(many(0).unwrap_or(1).max(1)).map(|part| list(part.to_vec()))),
        ("each_with_index", 0 | 1) => list(
            items.iter().enumerate().map(|(at, item)| list([item.clone(), Value::from(at + many(0).unwrap_or(0))])),
        ),
        ("each_cons", 1) => list(items.windows(many(0).unwrap_or(1).max(1)).map(|part| list(part.to_vec()))),
        ("zip", 1) => {
            let zipped = |other: Vec<Value>| {
                items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| list([item.clone(), other.get(at).cloned().unwrap_or_else(|| Value::from(()))]))
                    .collect::<Vec<_>>()
            };
            return Some(list_of(&args[0]).map(|other| list(zipped(other))));
        }
        ("values_at", _) => list(args.iter().map(|at| {
            let at = at.as_i64().and_then(|at| place(at, items.len()));
            at.and_then(|at| items.get(at)).cloned().unwrap_or_else(|| Value::from(()))
        })),
        ("rotate", 0 | 1) => {
            let by = if items.is_empty() { 0 } else { many(0).unwrap_or(1) % items.len() };
            list(items[by..].iter().chain(&items[..by]).cloned())
        }
        ("insert", 2..) => {
            let at = args[0]
                .as_i64()
                .and_then(|at| place(at, items.len() + usize::from(at == -1)))
                .unwrap_or(0)
                .min(items.len());
            list(items[..at].iter().chain(&args[1..]).chain(&items[at..]).cloned())
        }
        ("store", 2) => {
            let Some(at) = args[0].as_i64().and_then(|at| place(at, items.len())).filter(|at| *at <= items.len())
            else {
                return Some(Err(wrong(format!("the list has no element {}", text_of(&args[0])))));
            };
            list(items[..at].iter().chain([&args[1]]).chain(items.iter().skip(at + 1)).cloned())
        }
        ("transpose", 0) => return Some(transposed(items)),
        ("grep", 1) => {
            let fits = items.iter().map(|item| Ok((super::matching(item, &args[0])?, item)));
            return Some(
                fits.collect::<Result<Vec<_>, Error>>()
                    .map(|fits| list(fits.into_iter().filter(|(fits, _)| *fits).map(|(_, item)| item.clone()))),
            );
        }
        _ => return None,
    }))
}

/// Methods that were given each element's answer to a question.
fn by_answers(items: &[Value], method: &str, args: &[Value]) -> Option<Answer> {
    let known = [
        "select_by",
        "reject_by",
        "find_by",
        "partition_by",
        "sort_by_keys",
        "min_by_keys",
        "max_by_keys",
        "group_by_keys",
        "uniq_by_keys",
    ];
    let [answers] = args else { return None };
    if !known.contains(&method) {
        return None;
    }
    Some(list_of(answers).and_then(|answers| {
        let both = || items.iter().cloned().zip(answers.iter());
        Ok(match method {
            "select_by" => list(both().filter(|(_, answer)| given(answer)).map(|(item, _)| item)),
            "reject_by" => list(both().filter(|(_, answer)| !given(answer)).map(|(item, _)| item)),
            "find_by" => both().find(|(_, answer)| given(answer)).map_or_else(|| Value::from(()), |(item, _)| item),
            "partition_by" => {
                let (yes, no): (Vec<_>, Vec<_>) = both().partition(|(_, answer)| given(answer));
                list([list(yes.into_iter().map(|(item, _)| item)), list(no.into_iter().map(|(item, _)| item))])
            }
            "group_by_keys" => grouped(items, &answers),
            "uniq_by_keys" => {
                let mut seen: Vec<&Value> = Vec::new();
                list(
                    both()
                        .filter(|(_, key)| {
                            let new = !seen.contains(key);
                            seen.push(key);
                            new
                        })
                        .map(|(item, _)| item),
                )
            }
            _ => {
                let order = sorted_by(items, &answers)?;
                match method {
                    "min_by_keys" => order.first().cloned().unwrap_or_else(|| Value::from(())),
                    "max_by_keys" => order.last().cloned().unwrap_or_else(|| Value::from(())),
                    _ => list(order),
                }
            }
        })
    }))
}

fn joined(items: &[Value], separator: &str) -> Result<String, Error> {
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        text.push_str(if at > 0 { separator } else { "" });
        match item.kind() {
            ValueKind::Seq | ValueKind::Iterable => text.push_str(&joined(&list_of(item)?, separator)?),
            _ => text.push_str(&text_of(item)),
        }
        check_length(text.len())?;
    }
    Ok(text)
}

fn concat(items: &[Value], others: &[Value]) -> Answer {
    let mut all = items.to_vec();
    for other in others {
        all.extend(list_of(other)?);
        check_length(all.len())?;
    }
    Ok(list(all))
}

fn repeated(items: &[Value], args: &[Value]) -> Answer {
    let count = usize::try_from(integer(args, 0, 0)?).unwrap_or(0);
    check_length(items.len().saturating_mul(count))?;
    Ok(list(items.iter().cycle().take(items.len() * count).cloned()))
}

fn without(items: &[Value], gone: &[Value]) -> Vec<Value> {
    items.iter().filter(|item| !gone.contains(item)).cloned().collect()
}

fn unique(items: &[Value]) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    for item in items {
        if !seen.contains(item) {
            seen.push(item.clone());
        }
    }
    seen
}

fn flatten(items: &[Value], depth: Option<usize>) -> Result<Vec<Value>, Error> {
    let mut flat = Vec::new();
    for item in items {
        match (item.kind(), depth) {
            (ValueKind::Seq | ValueKind::Iterable, None | Some(1..)) => {
                let inner = list_of(item)?;
                flat.extend(flatten(&inner, depth.map(|depth| depth - 1))?);
            }
            _ => flat.push(item.clone()),
        }
        check_length(flat.len())?;
    }
    Ok(flat)
}

/// Sorts, and says when two elements cannot be compared.
fn sorted(items: &[Value]) -> Result<Vec<Value>, Error> {
    sorted_by(items, items)
}

fn sorted_by(items: &[Value], keys: &[Value]) -> Result<Vec<Value>, Error> {
    let mut problem = None;
    let mut both: Vec<(&Value, &Value)> = keys.iter().zip(items).collect();
    both.sort_by(|(a, _), (b, _)| {
        compare(a, b).unwrap_or_else(|error| {
            problem.get_or_insert(error);
            Ordering::Equal
        })
    });
    match problem {
        Some(error) => Err(error),
        None => Ok(both.into_iter().map(|(_, item)| item.clone()).collect()),
    }
}

fn extreme(items: &[Value], wanted: Ordering) -> Answer {
    let mut found: Option<&Value> = None;
    for item in items {
        let better = match found {
            None => true,
            Some(best) => compare(item, best)? == wanted,
        };
        if better {
            found = Some(item);
        }
    }
    Ok(found.cloned().unwrap_or_else(|| Value::from(())))
}

/// The sum of numbers; lists and texts are put behind one another.
fn sum(items: &[Value], args: &[Value]) -> Answer {
    let mut total = args.first().filter(|start| start.is_number()).cloned();
    for item in items {
        let item = match args.first().and_then(Value::as_str) {
            Some(question) => ask(item, question)?,
            None => item.clone(),
        };
        total = Some(match total {
            None => item,
            Some(total) => {
                super::call(&total, "plus", &[item]).unwrap_or_else(|| Err(wrong("these cannot be added up")))?
            }
        });
    }
    Ok(total.unwrap_or_else(|| Value::from(0)))
}

fn to_map(items: &[Value]) -> Answer {
    let pair = |item: &Value| match list_of(item)?.as_slice() {
        [key, value] => Ok((key.clone(), value.clone())),
        _ => Err(wrong("a map is made of pairs")),
    };
    let pairs = items.iter().map(pair).collect::<Result<Vec<_>, Error>>()?;
    Ok(Value::from_pairs(pairs))
}

fn grouped(items: &[Value], keys: &[Value]) -> Value {
    let groups = unique(keys).into_iter().map(|key| {
        let members = items.iter().zip(keys).filter(|(_, other)| **other == key).map(|(item, _)| item.clone());
        let members = list(members);
        (key, members)
    });
    Value::from_pairs(groups.collect::<Vec<_>>())
}

fn transposed(items: &[Value]) -> Answer {
    let rows = items.iter().map(list_of).collect::<Result<Vec<_>, Error>>()?;
    let width = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != width) {
        return Err(wrong("the rows are not of the same length"));
    }
    Ok(list((0..width).map(|at| list(rows.iter().map(|row| row[at].clone())))))
}

fn sentence(items: &[Value]) -> String {
    let texts: Vec<String> = items.iter().map(text_of).collect();
    match texts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [a, b] => format!("{a} and {b}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}
