//! What a field is compared with, read for the field's type.

use crate::ast::Operator;
use crate::condition::{Condition, Matcher};
use crate::error::{Wrong, quote};
use crate::field::Type;
use crate::nearest::nearest;
use crate::time::Moment;
use crate::{number, size, time};
use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use types::MacAddr;
use uuid::Uuid;

/// A value in an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A number of bytes.
    Size(u64),
    /// A time.
    Time(Moment),
    /// An Ethernet address.
    Mac(MacAddr),
    /// A UUID.
    Uuid(Uuid),
    /// An address or a network.
    Network(Network),
    /// What is looked for in texts.
    Pattern(Pattern),
}

impl Operand {
    /// Reads what is compared with values of type `kind`. Regular expressions are [`Pattern::new`]'s.
    pub(crate) fn read(kind: Type, operator: Operator, text: &str) -> Result<Self, Wrong> {
        if operator.is_search() {
            // Every spelling of an address is kept with colons.
            let text = if kind == Type::Mac { text.replace('-', ":") } else { text.to_owned() };
            return Pattern::containing(&text).map(Self::Pattern);
        }
        let wrong = || Wrong::new(format!("expected {}, found {}", kind.expects(), quote(text)));
        match kind {
            Type::Any if operator.is_order() => in_order(text),
            Type::Text | Type::Any => Ok(Self::Text(text.to_owned())),
            Type::Word(words) => word(words, text),
            Type::Number => number::read(text).map(Self::Number).ok_or_else(wrong),
            Type::Size => size::read(text).map(Self::Size),
            Type::Time => time::read(text).map(Self::Time),
            Type::Mac => text
                .parse()
                .map(Self::Mac)
                .map_err(|_| wrong().hint("a part of an address is found with `~`, such as `mac ~ 52:54:00`")),
            Type::Uuid => text.parse().map(Self::Uuid).map_err(|_| wrong().hint("a part of one is found with `~`")),
            Type::Address => Network::read(text)
                .map(Self::Network)
                .ok_or_else(|| wrong().hint("a part of an address is found with `~`, such as `ip ~ 10.0.`")),
        }
    }

    /// Whether no order leads to what it is compared with: every value has to be looked at.
    pub(crate) fn is_looked_for(&self) -> bool {
        match self {
            Self::Pattern(_) => true,
            Self::Network(network) => !network.is_single(),
            Self::Text(_) | Self::Number(_) | Self::Size(_) | Self::Time(_) | Self::Mac(_) | Self::Uuid(_) => false,
        }
    }

    /// What values that are equal to it have in common: one of these.
    pub(crate) fn equal(&self, kind: Type, now: Timestamp) -> Vec<Condition> {
        match self {
            Self::Text(text) => {
                let number = number::read(text).filter(|_| kind == Type::Any).map(Condition::exactly);
                std::iter::once(Condition::Text(text.clone())).chain(number).collect()
            }
            Self::Number(number) => vec![Condition::exactly(*number)],
            Self::Size(bytes) => vec![Condition::exactly(number::of(*bytes))],
            Self::Time(moment) => vec![moment.during(now)],
            Self::Mac(mac) => vec![Condition::Text(mac.to_string())],
            Self::Uuid(uuid) => vec![Condition::Text(uuid.to_string())],
            Self::Network(network) => vec![network.condition()],
            Self::Pattern(pattern) => vec![pattern.condition()],
        }
    }

    /// What values that stand so to it have in common.
    pub(crate) fn ordered(&self, operator: Operator, now: Timestamp) -> Vec<Condition> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Size(bytes) => number::of(*bytes),
            Self::Time(moment) => return vec![moment_in_order(*moment, operator, now)],
            // Nothing is before or behind a text.
            Self::Text(_) | Self::Mac(_) | Self::Uuid(_) | Self::Network(_) | Self::Pattern(_) => return Vec::new(),
        };
        vec![match operator {
            Operator::Less => Condition::below(number),
            Operator::AtMost => Condition::up_to(number),
            Operator::Greater => Condition::above(number),
            _ => Condition::from(number),
        }]
    }
}

fn moment_in_order(moment: Moment, operator: Operator, now: Timestamp) -> Condition {
    match operator {
        Operator::Less => moment.earlier(now, false),
        Operator::AtMost => moment.earlier(now, true),
        Operator::Greater => moment.later(now, false),
        _ => moment.later(now, true),
    }
}

/// A number that values of a parameter are ordered by.
fn in_order(text: &str) -> Result<Operand, Wrong> {
    if let Some(number) = number::read(text) {
        return Ok(Operand::Number(number));
    }
    if size::has_unit(text) {
        return size::read(text).map(Operand::Size);
    }
    let wrong = Wrong::new(format!("expected a number or a size, found {}", quote(text)));
    Err(wrong.hint("parameters are ordered by number only; texts are compared with = != ~ =~"))
}

fn word(words: &'static [&'static str], text: &str) -> Result<Operand, Wrong> {
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(Operand::Text((*word).to_owned()));
    }
    let wrong = Wrong::new(format!("expected one of {}, found {}", words.join(", "), quote(text)));
    Err(match nearest(text, words.iter().copied()) {
        Some(near) => wrong.hint(format!("did you mean `{near}`?")),
        None => wrong,
    })
}

/// Something to look for in texts, ready to be used.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
    literal: Option<String>,
}

/// The most memory that a compiled regular expression may take.
const PATTERN_BYTES: usize = 1 << 20;
/// The longest regular expression, in bytes.
const PATTERN_LENGTH: usize = 1000;
/// How deep a regular expression may be nested.
const PATTERN_DEPTH: u32 = 50;

impl Pattern {
    /// A regular expression, found anywhere in a value. Letters count as they are written.
    pub(crate) fn new(source: &str) -> Result<Self, Wrong> {
        check_length(source)?;
        let regex = builder(source).build().map_err(|error| explain(source, &error))?;
        Ok(Self { source: source.to_owned(), regex, literal: None })
    }

    /// A text, found anywhere in a value, whatever the case of its letters. `*` and `%` stand for anything; where one
    /// begins or ends the text, the text is the whole value.
    pub(crate) fn containing(source: &str) -> Result<Self, Wrong> {
        check_length(source)?;
        let is_wild = |char| matches!(char, '*' | '%');
        let whole = source.starts_with(is_wild) || source.ends_with(is_wild);
        let parts: Vec<&str> = source.split(is_wild).collect();
        let found = parts.iter().map(|part| regex::escape(part)).collect::<Vec<_>>().join(".*");
        let anchored = if whole { format!("^{found}$") } else { found };
        let built = builder(&anchored).case_insensitive(true).dot_matches_new_line(true).build();
        let regex = built.map_err(|_| Wrong::new("the text is too long to be looked for"))?;
        let literal = parts.into_iter().max_by_key(|part| part.chars().count()).filter(|part| !part.is_empty());
        Ok(Self { source: source.to_owned(), regex, literal: literal.map(str::to_owned) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A text that every value in which it is found contains, whatever the case of its letters, if one is known.
    pub fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// Whether it is found in the text.
    pub fn is_found_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(crate) fn condition(&self) -> Condition {
        Condition::Looks(Matcher::Pattern(self.clone()))
    }
}

/// Two patterns are the same when they were written and compiled the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.regex.as_str() == other.regex.as_str()
    }
}

fn builder(source: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(source);
    builder.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).nest_limit(PATTERN_DEPTH);
    builder
}

fn check_length(source: &str) -> Result<(), Wrong> {
    if source.len() <= PATTERN_LENGTH {
        return Ok(());
    }
    Err(Wrong::new(format!("what is looked for has {} bytes, and {PATTERN_LENGTH} are allowed", source.len())))
}

fn explain(source: &str, error: &regex::Error) -> Wrong {
    let wrong = |reason: &str| Wrong::new(format!("{} is no regular expression: {reason}", quote(source)));
    match error {
        regex::Error::CompiledTooBig(_) => {
            wrong("it is too large when compiled").hint("repeat less: `{1000}`, `\\w{100}`")
        }
        // The library draws a picture over several lines; its last says what is wrong.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            wrong(&last).hint("to look for a text as it stands, use `~`")
        }
    }
}

/// An address, or the network of all that begin like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// Reads `10.0.0.5`, `10.0.0.0/24` or the same of IPv6.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok()?,
            Some(_) => return None,
        };
        (length <= most).then(|| Self { address: first(address, length), length })
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && first(address, self.length) == self.address
    }

    fn is_single(&self) -> bool {
        self.length == if self.address.is_ipv4() { 32 } else { 128 }
    }

    fn condition(&self) -> Condition {
        if self.is_single() {
            return Condition::Text(self.address.to_string());
        }
        Condition::Looks(Matcher::Network(*self))
    }
}

/// The first address of the network of that length.
fn first(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.length) }
    }
}
