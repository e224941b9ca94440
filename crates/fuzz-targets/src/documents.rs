//! Objects as YAML: files that somebody applies.
//!
//! Whatever comes, every document is an object or a mistake with its place, and an object that is written is the
//! same when it is read.

use types::object::Kind;
use wire::DocumentProblem;

/// More text only takes longer.
const MAX_BYTES: usize = 64 << 10;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    // Where a carriage return stands alone, YAML has a line break too.
    let breaks = text.matches(['\n', '\r']).count();
    let lines = u64::try_from(breaks + 1).expect("it is small");
    for read in content::read("fuzz.yaml", text) {
        match read {
            Ok(document) => {
                let problems = api::problems_of(&document, &|step| match step.uses.as_str() {
                    "a.b" => Ok(()),
                    other => Err(format!("there is no step {other}")),
                });
                problems.iter().for_each(|problem| check_place(problem, lines));
                let written = content::write(&document.name, &document.spec).expect("an object can be written");
                let again = content::read("again.yaml", &written);
                let [Ok(again)] = &again[..] else { panic!("what was written cannot be read: {again:?}\n{written}") };
                assert_eq!((again.kind(), &again.name), (document.kind(), &document.name), "{written}");
                // A BMC's password is not written.
                if document.kind() != Kind::Bmc {
                    assert_eq!(again.spec.to_stored(), document.spec.to_stored(), "{written}");
                }
            }
            Err(problem) => check_place(&problem, lines),
        }
    }
}

fn check_place(problem: &DocumentProblem, lines: u64) {
    assert!(problem.line >= 1 && problem.line <= lines + 1 && problem.column >= 1, "{problem:?} of {lines} lines");
    assert!(!problem.message.is_empty());
}
