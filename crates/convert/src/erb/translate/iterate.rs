//! Loops that are statements.

use super::{Ex, Problem, Translated, Translator};
use crate::erb::ast::{Block, Call, Kind, Node, Param};

/// How often `loop do` may go round.
const MAX_ROUNDS: u32 = 10_000;

/// What a loop goes over.
pub(super) struct Loop {
    pub(super) list: String,
    /// Elements may be pairs that the parameters take apart.
    pub(super) pairs: bool,
    /// The last parameter counts, from this number.
    pub(super) counts_from: Option<String>,
}

impl Loop {
    pub(super) fn over(list: impl Into<String>) -> Self {
        Self { list: list.into(), pairs: true, counts_from: None }
    }

    fn numbers(list: impl Into<String>) -> Self {
        Self { list: list.into(), pairs: false, counts_from: None }
    }
}

impl Translator<'_> {
    /// A call whose value nobody takes.
    pub(super) fn call_statement(&mut self, call: &Call, node: &Node) -> Translated<()> {
        if self.change(call, node)? {
            return Ok(());
        }
        if let Some(block) = &call.block
            && let Some(looped) = self.looped(call, node)?
        {
            return self.run_loop(&looped, block, &mut |this, block| {
                this.body(&block.body);
                Ok(())
            });
        }
        if call.receiver.is_none() {
            match call.name.as_str() {
                "log_debug" | "log_info" | "log_warn" | "log_error" | "log_fatal" => return Ok(()),
                "puts" | "print" | "p" | "pp" => {
                    self.warn(node.at, "what this prints does not reach the rendered text, and is left out");
                    return Ok(());
                }
                "raise" | "fail" | "render_error" => {
                    let value = self.value(node)?;
                    self.tag(format!("do {}", value.code));
                    return Ok(());
                }
                _ => {}
            }
        }
        if super::constant::is_logger(call) {
            return Ok(());
        }
        self.value(node).map(drop)
    }

    /// The loop that a call with a block is; nothing when it is another method.
    pub(super) fn looped(&mut self, call: &Call, node: &Node) -> Translated<Option<Loop>> {
        let Some(receiver) = &call.receiver else {
            let forever = call.name == "loop" && call.args.is_empty();
            return Ok(forever.then(|| Loop::numbers(format!("range({MAX_ROUNDS})"))));
        };
        if call.safe {
            let list = self.held(receiver, "list")?;
            let inner = Call { safe: false, receiver: Some(raw(&list.code, node.at)), ..call.clone() };
            let looped = self.looped(&inner, node)?;
            let list = list.code;
            return Ok(
                looped.map(|looped| Loop { list: format!("{} if {list} is not none else []", looped.list), ..looped })
            );
        }
        let chained = matches!(call.name.as_str(), "with_index" | "each_with_index" | "each");
        if chained
            && let Kind::Call(inner) = &receiver.kind
            && inner.block.is_none()
            && matches!(
                inner.name.as_str(),
                "each" | "each_with_index" | "each_slice" | "each_pair" | "each_line" | "times" | "each_char"
            )
        {
            let counts = call.name == "with_index" || call.name == "each_with_index" || inner.name == "each_with_index";
            let mut looped = self.looped(inner, node)?;
            if let Some(looped) = looped.as_mut().filter(|_| counts) {
                let from = call.args.first().map(|arg| self.value(arg)).transpose()?;
                looped.counts_from = Some(from.map_or_else(|| "0".to_owned(), |from| from.code));
            }
            return Ok(looped);
        }
        let list = self.value(receiver)?;
        let mut args = Vec::new();
        for arg in &call.args {
            args.push(self.value(arg)?);
        }
        Ok(simple_loop(&call.name, &list, &args))
    }

    /// Puts out a loop whose body `inner` puts out.
    pub(super) fn run_loop(
        &mut self,
        looped: &Loop,
        block: &Block,
        inner: &mut dyn FnMut(&mut Self, &Block) -> Translated<()>,
    ) -> Translated<()> {
        let mut params: Vec<Param> = block.params.clone();
        let counter = match (&looped.counts_from, params.len()) {
            (Some(_), 2..) => params.pop(),
            _ => None,
        };
        let params = match params.as_slice() {
            [Param::Group(inner)] => inner.clone(),
            _ => params,
        };
        let targets: Vec<String> = params.iter().map(|param| self.loop_target(param)).collect();
        let (targets, list) = match targets.as_slice() {
            [] => (self.temporary("item"), looped.list.clone()),
            [only] => (only.clone(), looped.list.clone()),
            many if looped.pairs => (many.join(", "), format!("{}.pairs()", receiver_of(&looped.list))),
            many => (many[0].clone(), looped.list.clone()),
        };
        let list = if list.contains(" if ") && !list.starts_with('(') { format!("({list})") } else { list };
        self.tag(format!("for {targets} in {list}"));
        self.nest += 1;
        self.loops += 1;
        if let Some(Param::Name(id)) = counter {
            let from = looped.counts_from.as_deref().unwrap_or("0");
            let count = if from == "0" { "loop.index0".to_owned() } else { format!("loop.index0 + {from}") };
            let name = self.names.target(id, self.variables);
            self.tag(format!("set {name} = {count}"));
        }
        self.share_params(&params);
        self.initialize(block.scope);
        let result = inner(self, block);
        self.loops -= 1;
        self.nest -= 1;
        self.tag("endfor");
        result
    }

    fn loop_target(&self, param: &Param) -> String {
        match param {
            Param::Name(id) => self.names.bare(*id).to_owned(),
            Param::Group(inner) => {
                let inner: Vec<String> = inner.iter().map(|param| self.loop_target(param)).collect();
                format!("({})", inner.join(", "))
            }
        }
    }

    /// Parameters that are assigned in loops within the loop live in the namespace.
    fn share_params(&mut self, params: &[Param]) {
        for param in params {
            match param {
                Param::Name(id) if self.variables[*id].outlives_loop => {
                    let (target, bare) = (self.names.target(*id, self.variables), self.names.bare(*id).to_owned());
                    self.tag(format!("set {target} = {bare}"));
                }
                Param::Name(_) => {}
                Param::Group(inner) => self.share_params(inner),
            }
        }
    }
}

fn receiver_of(list: &str) -> String {
    if list.contains(' ') && !list.ends_with(')') { format!("({list})") } else { list.to_owned() }
}

fn simple_loop(name: &str, list: &Ex, args: &[Ex]) -> Option<Loop> {
    let receiver = list.receiver();
    let argument = args.first().map(|arg| arg.code.clone());
    let sum = |ex: &Ex, more: i64| match ex.code.parse::<i64>() {
        Ok(number) => (number + more).to_string(),
        Err(_) if more < 0 => format!("{} - {}", ex.within(super::Binds::Sum), -more),
        Err(_) => format!("{} + {more}", ex.within(super::Binds::Sum)),
    };
    Some(match (name, argument) {
        ("each" | "each_entry", None) => Loop::over(list.within(super::Binds::Choice)),
        ("each_pair", None) => Loop::over(format!("{receiver}.pairs()")),
        ("each_with_index", None) => Loop { counts_from: Some("0".to_owned()), ..Loop::over(list.code.clone()) },
        ("each_index", None) => Loop::numbers(format!("range({receiver}.size())")),
        ("each_key", None) => Loop::over(format!("{receiver}.keys()")),
        ("each_value", None) => Loop::over(format!("{receiver}.values()")),
        ("reverse_each", None) => Loop::over(format!("{receiver}.reverse()")),
        ("each_char", None) => Loop::over(format!("{receiver}.chars()")),
        ("each_line", None) => Loop::over(format!("{receiver}.lines()")),
        ("times", None) => Loop::numbers(format!("range({})", list.code)),
        ("each_slice", Some(size)) => Loop::over(format!("{receiver}.each_slice({size})")),
        ("each_cons", Some(size)) => Loop::over(format!("{receiver}.each_cons({size})")),
        ("upto", Some(_)) => Loop::numbers(format!("range({}, {})", list.code, sum(&args[0], 1))),
        ("downto", Some(_)) => Loop::numbers(format!("range({}, {}, -1)", list.code, sum(&args[0], -1))),
        ("step", Some(end)) if args.len() == 2 => {
            let _ = end;
            Loop::numbers(format!("range({}, {}, {})", list.code, sum(&args[0], 1), args[1].code))
        }
        _ => return None,
    })
}

/// A node that is this code of ours.
pub(super) fn raw(code: &str, at: usize) -> Node {
    Node { kind: Kind::Ivar(code.to_owned()), at }
}

/// Refuses a block that is given to a method which takes none here.
pub(super) fn no_block(call: &Call, at: usize) -> Problem {
    Problem::new(at, format!("a block that is given to `{}` cannot be translated", call.name))
}
