//! One object in a YAML file.

use crate::any_spec::AnySpec;
use crate::place::{Place, Shape, escape, locate};
use crate::split::{Piece, split};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_path_to_error::{Path, Segment, Track};
use serde_saphyr::{MessageFormatter as _, Options, Spanned, UserMessageFormatter};
use std::borrow::Cow;
use types::Name;
use types::object::Kind;
use wire::DocumentProblem;

/// An object as a file declares it.
#[derive(Debug)]
pub struct Document {
    /// Unique within its kind.
    pub name: Name,
    /// What is wanted.
    pub spec: AnySpec,
    file: String,
    lines_before: u64,
    shape: Spanned<Shape>,
}

impl Document {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// Says what is wrong at `pointer`, with its place in the file.
    pub fn problem(&self, pointer: &str, message: impl Into<String>) -> DocumentProblem {
        let Place { line, column } = locate(&self.shape, pointer);
        DocumentProblem {
            file: self.file.clone(),
            line: self.lines_before + line,
            column,
            pointer: pointer.to_owned(),
            message: message.into(),
        }
    }
}

/// Reads every document of a file; each is an object or a mistake.
pub fn read(file: &str, text: &str) -> Vec<Result<Document, DocumentProblem>> {
    let text = with_plain_breaks(text.strip_prefix('\u{feff}').unwrap_or(text));
    split(&text).into_iter().map(|piece| read_piece(file, &piece)).collect()
}

/// The text with its line breaks as newlines, as which YAML reads them all (YAML 1.2.2 §5.4).
fn with_plain_breaks(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// What every document begins with.
#[derive(Deserialize)]
struct Header {
    kind: Kind,
    name: Name,
}

/// The fields of [`Header`].
const HEADER: [&str; 2] = ["kind", "name"];

/// The deepest nesting of a document. A workflow is 6 deep; each level takes up to 40 kB of a thread's 2 MiB stack.
const MAX_DEPTH: usize = 24;

fn options() -> Options {
    let budget = serde_saphyr::budget! { max_depth: MAX_DEPTH };
    serde_saphyr::options! { strict_booleans: true, with_snippet: false, budget: budget }
}

fn read_piece(file: &str, piece: &Piece) -> Result<Document, DocumentProblem> {
    let unlocated = |error: &serde_saphyr::Error| {
        let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        DocumentProblem {
            file: file.to_owned(),
            line: piece.lines_before + place.0.max(1),
            column: place.1.max(1),
            pointer: String::new(),
            message: message_of(error),
        }
    };
    let shape: Spanned<Shape> =
        serde_saphyr::from_str_with_options(&piece.text, options()).map_err(|error| unlocated(&error))?;
    let located = |error: &serde_saphyr::Error, track: Track| {
        let pointer = pointer_of(&track.path());
        if pointer.is_empty() && error.location().is_some() {
            return unlocated(error);
        }
        let Place { line, column } = locate(&shape, &pointer);
        let line = piece.lines_before + line;
        DocumentProblem { file: file.to_owned(), line, column, pointer, message: message_of(error) }
    };

    let mut track = Track::new();
    let header = serde_saphyr::with_deserializer_from_str_with_options(&piece.text, options(), |deserializer| {
        Header::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    });
    let Header { kind, name } = header.map_err(|error| located(&error, track))?;

    let mut track = Track::new();
    let spec = serde_saphyr::with_deserializer_from_str_with_options(&piece.text, options(), |deserializer| {
        let body = WithoutHeader(deserializer);
        AnySpec::deserialize(kind, serde_path_to_error::Deserializer::new(body, &mut track))
    });
    let spec = spec.map_err(|error| located(&error, track))?;
    Ok(Document { name, spec, file: file.to_owned(), lines_before: piece.lines_before, shape })
}

/// An error's message without its place, which is told apart.
fn message_of(error: &serde_saphyr::Error) -> String {
    UserMessageFormatter.format_message(error).into_owned()
}

fn pointer_of(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(escape(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.map(|segment| format!("/{segment}")).collect()
}

/// A document's mapping without the fields of [`Header`].
struct WithoutHeader<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for WithoutHeader<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(WithoutHeader(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for WithoutHeader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(WithoutHeader(map))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutHeader<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.0.next_key::<String>()? {
            if HEADER.contains(&key.as_str()) {
                self.0.next_value::<IgnoredAny>()?;
            } else {
                return seed.deserialize(StringDeserializer::new(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// Writes an object as a document. Secrets are left as `[secret]`.
pub fn write(name: &Name, spec: &AnySpec) -> Result<String, serde_saphyr::ser::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        kind: Kind,
        name: &'a Name,
        #[serde(flatten)]
        spec: &'a AnySpec,
    }
    serde_saphyr::to_string(&Written { kind: spec.kind(), name, spec })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(text: &str) -> Vec<String> {
        read("rack.yaml", text).into_iter().filter_map(|result| result.err()).map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_carriage_return_ends_a_line_alone_too() {
        let documents =
            read("mac.yaml", "kind: Machine\rname: m1\r---\rkind: Machine\r\nname: m2\r---\rkind: Nothing\r");
        assert_eq!(documents.iter().filter(|document| document.is_ok()).count(), 2);
        assert!(documents[2].as_ref().is_err_and(|problem| problem.line == 7), "{documents:?}");
    }

    #[test]
    fn every_wrong_document_is_told_with_its_place() {
        let text = "\
kind: Machine
name: m1
macs: [\"52:54:00:00:00:01\"]
---
kind: Machine
name: m2
macs:
  - 52:54:00:00:00:02
  - nonsense
---
kind: Workflow
name: w
stages:
  - name: ONE
    steps:
      - use: a.b
        wiht: {}
---
kind: Subnet
name: s
cidr: 10.0.0.0/24
poool: 3
---
kind: Nonsense
name: x
---
name: nameless
---
kind: Machine
name: [a
";
        insta::assert_snapshot!(problems(text).join("\n"));
    }

    #[test]
    fn a_text_stays_a_text() {
        let text = "kind: Machine\nname: m1\nuuid: null\ndescription: 010\nparams: {a: no, b: 7, c: true}\n";
        let document = read("m.yaml", text).pop().unwrap().unwrap();
        let AnySpec::Machine(spec) = document.spec else { panic!("{:?}", document.spec) };
        assert_eq!(spec.description.as_deref(), Some("010"));
        assert_eq!(serde_json::to_value(spec.params).unwrap(), serde_json::json!({"a": "no", "b": 7, "c": true}));
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        assert_eq!(problems("kind: Machine\nname: a\nmacs: []\nmacs: []\n").len(), 1);
    }

    #[test]
    fn a_document_that_is_nested_too_deep_is_refused_and_does_no_harm() {
        for depth in [50, 64, 10_000] {
            for (open, close) in [("{a: ", "}"), ("[", "]")] {
                let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                let told = problems(&format!("kind: Machine\nname: m1\nparams: {{a: {nested}}}\n"));
                assert!(matches!(&told[..], [one] if one.starts_with("rack.yaml:3:")), "{told:?}");
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for document in crate::built_in().unwrap() {
            let text = write(&document.name, &document.spec).unwrap();
            let again = read("again.yaml", &text).pop().unwrap().unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!((again.name, again.spec), (document.name, document.spec), "{text}");
        }
    }

    /// Text that is often YAML and often nearly an object.
    fn yaml_like() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[a-z]{1,6}",
            Just("kind: Machine\n".to_owned()),
            Just("name: m1\n".to_owned()),
            Just("macs: ".to_owned()),
            Just("stages:\n  - name: A\n    steps: []\n".to_owned()),
            Just("---\n".to_owned()),
            Just("...\n".to_owned()),
            "[\\[\\]{}:,#&*!|>'\"%@`\\- \\n\\t]{1,3}",
        ];
        proptest::collection::vec(word, 0..30).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn a_mistake_is_always_within_the_file(text in prop_oneof![yaml_like(), any::<String>()]) {
            let lines = text.lines().count() as u64;
            for problem in read("x.yaml", &text).into_iter().filter_map(Result::err) {
                prop_assert!((1..=lines + 1).contains(&problem.line), "{problem} of {lines} lines");
                prop_assert!(problem.column >= 1 && !problem.message.is_empty());
            }
        }
    }
}
