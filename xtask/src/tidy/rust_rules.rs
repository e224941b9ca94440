//! Rules about Rust files.

use super::Problem;
use super::files::File;
use super::source::{Source, has_word};

/// Above this a file holds more than one idea. Ours are commonly 100 to 250 lines.
const LONGEST_FILE: usize = 900;

/// Decides outcomes in words of its own; a status code in it would tie it to one protocol.
const MAY_KNOW_STATUS_CODES: &[&str] = &["agent", "api", "client", "lab", "netboot", "ranged", "redfish", "web"];

/// Pure crates, which everything else can be tested without a network because of.
const OPEN_NO_SOCKETS: &[&str] = &["dhcp", "lifecycle", "search", "sheet", "template", "tftp", "types", "workflow"];
const SOCKETS: &[&str] = &["TcpListener", "TcpStream", "UdpSocket", "UnixListener", "UnixStream", "socket2"];

/// Checks one Rust file.
pub(super) fn check(file: &File) -> Vec<Problem> {
    let source = Source::read(&file.text);
    let mut problems = Vec::new();
    problems.extend(check_module_doc(file));
    problems.extend(check_length(file));
    problems.extend(check_sql(file, &source));
    problems.extend(check_code(file, &source));
    problems.extend(check_comments(file, &source));
    problems
}

/// A `tests.rs` needs no introduction: the module it tests has one.
fn check_module_doc(file: &File) -> Option<Problem> {
    let mut lines = file.text.lines().enumerate();
    let (number, first) =
        lines.find(|(_, line)| !line.trim().is_empty() && !line.starts_with("// SPDX-")).unwrap_or((0, ""));
    if first.starts_with("//!") || file.path.ends_with("/tests.rs") {
        return None;
    }
    Some(Problem::new(file, number + 1, "begin the file with `//!`: what it is, and what it leaves to others"))
}

fn check_length(file: &File) -> Option<Problem> {
    let lines = file.text.lines().count();
    (lines > LONGEST_FILE).then(|| {
        Problem::new(file, LONGEST_FILE + 1, format!("{lines} lines, and {LONGEST_FILE} are allowed: split by idea"))
    })
}

fn check_sql(file: &File, source: &Source) -> Vec<Problem> {
    if file.crate_name() == "store" {
        return Vec::new();
    }
    let named = source.code.iter().zip(1..).filter(|(code, _)| has_word(code, "rusqlite")).map(|(_, line)| line);
    let written = source.literals.iter().filter(|(_, text)| is_sql(text)).map(|(line, _)| *line);
    named.chain(written).map(|line| Problem::new(file, line, "SQL is for crates/store: add a method there")).collect()
}

/// Whether a text is an SQL statement. Prose may well start with "select" or "update".
fn is_sql(text: &str) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let starts = |words: &str| text.starts_with(words);
    (starts("select ") && text.contains(" from "))
        || (starts("update ") && text.contains(" set ") && text.contains('='))
        || ["insert into ", "insert or ", "delete from ", "create table ", "alter table "].into_iter().any(starts)
}

fn check_code(file: &File, source: &Source) -> Vec<Problem> {
    let name = file.crate_name();
    let tests_from = source.tests_from();
    let mut problems = Vec::new();
    for (code, line) in source.code.iter().zip(1..) {
        let in_test = file.is_test() || tests_from.is_some_and(|from| line >= from);
        let mut refuse = |what: &str| problems.push(Problem::new(file, line, what));
        if !in_test && !MAY_KNOW_STATUS_CODES.contains(&name) && has_word(code, "StatusCode") {
            refuse("HTTP status codes are for the crates at the edge: give an error of this crate's own instead");
        }
        if !in_test && OPEN_NO_SOCKETS.contains(&name) && SOCKETS.iter().any(|socket| has_word(code, socket)) {
            refuse("this crate opens no sockets: take and give packets, and leave sockets to netboot");
        }
        if in_test && !is_rig(file) && has_word(code, "sleep") && code.contains("sleep(") {
            refuse("tests do not sleep: wait for a condition, by a function of the test's rig");
        }
    }
    problems
}

/// A rig may hold the one function that waits for a condition, and the clock of simulated time.
fn is_rig(file: &File) -> bool {
    file.path.split('/').any(|part| matches!(part, "rig" | "rig.rs"))
}

fn check_comments(file: &File, source: &Source) -> Vec<Problem> {
    let numbered = source.comments.iter().zip(1..);
    let unowned = numbered.filter(|(comment, _)| {
        has_word(comment, "FIXME") || (has_word(comment, "TODO") && !comment.split("TODO").skip(1).all(names_issue))
    });
    unowned.map(|(_, line)| Problem::new(file, line, "write TODO(#123) with the issue's number, or do it")).collect()
}

fn names_issue(after: &str) -> bool {
    let number = after.strip_prefix("(#").and_then(|after| after.split_once(')')).map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&file).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn file_without_module_doc_is_refused() {
        assert_eq!(problems("crates/api/src/a.rs", "\nuse b::c;\n"), [2]);
        assert_eq!(problems("crates/api/src/a.rs", "// SPDX-License-Identifier: Apache-2.0\n//! Text.\n"), [0; 0]);
        assert_eq!(problems("crates/api/src/a/tests.rs", "use super::*;\n"), [0; 0]);
    }

    #[test]
    fn long_file_is_refused_at_its_first_line_too_many() {
        let text = format!("//! Text.\n{}", "fn f() {}\n".repeat(LONGEST_FILE));
        assert_eq!(problems("crates/api/src/a.rs", &text), [LONGEST_FILE + 1]);
    }

    #[test]
    fn sql_is_refused_outside_the_store() {
        let text = "//! Text.\nuse rusqlite::Row;\nconst A: &str = \"\n  SELECT a\n  FROM b\";\nconst B: &str = \"select a disk\";";
        assert_eq!(problems("crates/api/src/a.rs", text), [2, 3]);
        assert_eq!(problems("crates/store/src/a.rs", text), [0; 0]);
    }

    #[test]
    fn status_codes_stay_at_the_edge() {
        let text = "//! Text.\nuse http::StatusCode;\n";
        assert_eq!(problems("crates/steps/src/a.rs", text), [2]);
        assert_eq!(problems("crates/api/src/a.rs", text), [0; 0]);
        assert_eq!(problems("crates/server/tests/a.rs", text), [0; 0]);
    }

    #[test]
    fn pure_crates_open_no_sockets() {
        assert_eq!(problems("crates/tftp/src/a.rs", "//! Text.\nuse std::net::UdpSocket;\n"), [2]);
        assert_eq!(problems("crates/tftp/src/a.rs", "//! Text.\nuse std::net::SocketAddr;\n"), [0; 0]);
    }

    #[test]
    fn tests_do_not_sleep_outside_their_rig() {
        let text =
            "//! Text.\nfn f() { time::sleep(wait); }\n#[cfg(test)]\nmod tests {\nfn g() { time::sleep(wait); }\n}";
        assert_eq!(problems("crates/netboot/src/a.rs", text), [5]);
        assert_eq!(problems("crates/netboot/tests/a.rs", text), [2, 5]);
        assert_eq!(problems("crates/netboot/tests/rig/mod.rs", text), [0; 0]);
    }

    #[test]
    fn todo_names_its_issue() {
        let text = "//! Text.\n// TODO(#12): ask\n// TODO: ask\n// TODO(me)\nconst A: &str = \"TODO\"; // FIXME\n";
        assert_eq!(problems("crates/api/src/a.rs", text), [3, 4, 5]);
    }
}
