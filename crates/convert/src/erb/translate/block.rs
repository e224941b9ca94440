//! Blocks that give values: `map { … }` and its kin become loops before the statement that they are in.

use super::iterate::{Loop, no_block, raw};
use super::{Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Block, Call, Kind, Node, Param};

/// Methods that ask each element something; the question may be an attribute's name.
const ASKING: [&str; 24] = [
    "map",
    "collect",
    "flat_map",
    "select",
    "filter",
    "find_all",
    "reject",
    "find",
    "detect",
    "any?",
    "all?",
    "none?",
    "count",
    "sort_by",
    "min_by",
    "max_by",
    "group_by",
    "partition",
    "sum",
    "uniq",
    "find_index",
    "index",
    "filter_map",
    "one?",
];

impl Translator<'_> {
    /// A call with a block, or with `&:name`.
    pub(super) fn block_call(&mut self, call: &Call, node: &Node) -> Translated<Ex> {
        if let Some(Node { kind: Kind::Symbol(name), .. }) = &call.block_pass {
            return self.asked_by_name(call, name, node);
        }
        let Some(block) = &call.block else { return Err(no_block(call, node.at)) };
        if let (Some(name), true) = (plain_question(block), ASKING.contains(&call.name.as_str())) {
            return self.asked_by_name(call, name, node);
        }
        if call.receiver.is_none() {
            return self.helper_with_block(call, block, node);
        }
        match call.name.as_str() {
            "inject" | "reduce" => self.fold(call, block, node, true),
            "each_with_object" => self.fold(call, block, node, false),
            "sort" | "min" | "max" => self.sort_by_comparison(call, block, node),
            "tap" | "then" | "yield_self" | "instance_eval" => self.with_value(call, block),
            "to_h" | "transform_values" | "map" | "collect" | "flat_map" | "filter_map" | "collect_concat" => {
                self.mapped(call, block, node)
            }
            "with_index" | "each_with_index" => self.indexed(call, block, node),
            _ if ASKING.contains(&call.name.as_str()) => self.asked(call, block, node),
            "fetch" => {
                let receiver = self.receiver(call)?;
                let key = call.args.first().ok_or_else(|| no_block(call, node.at))?;
                let key = self.value(key)?;
                let default = self.last_value(&block.body, node.at)?;
                Ok(Ex::tight(format!("{}.fetch({}, {})", receiver.receiver(), key.code, default.code), Ty::Any))
            }
            _ => Err(no_block(call, node.at)),
        }
    }

    fn receiver(&mut self, call: &Call) -> Translated<Ex> {
        match &call.receiver {
            Some(receiver) => self.value(receiver),
            None => Err(Problem::new(0, format!("`{}` without anything to call it on", call.name))),
        }
    }

    /// `map(&:name)`: the engine asks each element for its attribute, or calls the method on it.
    fn asked_by_name(&mut self, call: &Call, name: &str, node: &Node) -> Translated<Ex> {
        let receiver = self.receiver(call)?;
        let method = call.name.trim_end_matches(['?', '!']);
        let name = name.trim_end_matches(['?', '!']);
        if matches!(method, "inject" | "reduce") {
            return match name {
                "+" => Ok(Ex::tight(format!("{}.sum()", receiver.receiver()), Ty::Any)),
                _ => Err(Problem::new(node.at, format!("`{}(&:{name})` cannot be translated", call.name))),
            };
        }
        if !ASKING.contains(&call.name.as_str()) && !matches!(method, "map" | "select" | "reject" | "uniq" | "each") {
            return Err(no_block(call, node.at));
        }
        let ty = match method {
            "any" | "all" | "none" | "one" => Ty::Bool,
            "count" => Ty::Int,
            "find" | "detect" | "sum" | "min_by" | "max_by" | "find_index" | "index" | "group_by" => Ty::Any,
            _ => Ty::List,
        };
        let method = match method {
            "collect" => "map",
            "filter" | "find_all" => "select",
            "detect" => "find",
            other => other,
        };
        Ok(Ex::tight(format!("{}.{method}({})", receiver.receiver(), super::text::quoted(name)), ty))
    }

    /// The list that a block goes over.
    fn list_of(&mut self, call: &Call, node: &Node) -> Translated<Loop> {
        let Some(receiver) = &call.receiver else { return Err(no_block(call, node.at)) };
        if let Kind::Call(inner) = &receiver.kind
            && inner.block.is_none()
            && let Some(looped) = self.chained(inner, node)?
        {
            return Ok(looped);
        }
        let list = self.value(receiver)?;
        Ok(Loop::over(list.within(super::Binds::Choice)))
    }

    /// `each_with_index.map`, `each_slice(2).map`.
    fn chained(&mut self, inner: &Call, node: &Node) -> Translated<Option<Loop>> {
        match inner.name.as_str() {
            "each_with_index" | "each_slice" | "each" | "each_pair" | "with_index" => self.looped(inner, node),
            _ => Ok(None),
        }
    }

    /// `map.with_index { |a, i| … }`.
    fn indexed(&mut self, call: &Call, block: &Block, node: &Node) -> Translated<Ex> {
        let Some(Node { kind: Kind::Call(inner), .. }) = &call.receiver else { return Err(no_block(call, node.at)) };
        if !matches!(inner.name.as_str(), "map" | "collect" | "select" | "reject" | "each_with_index")
            || inner.block.is_some()
        {
            return Err(no_block(call, node.at));
        }
        let mut looped = self.list_of(inner, node)?;
        let from = call.args.first().map(|arg| self.value(arg)).transpose()?;
        looped.counts_from = Some(from.map_or_else(|| "0".to_owned(), |from| from.code));
        let name = self.temporary("found");
        self.tag(format!("set {name} = namespace(items=[])"));
        let (items, at) = (format!("{name}.items"), node.at);
        let keeps = matches!(inner.name.as_str(), "select" | "reject");
        self.run_loop(&looped, block, &mut |this, block| {
            if keeps {
                return Err(Problem::new(at, "`with_index` after `select` cannot be translated"));
            }
            let value = this.last_value(&block.body, at)?;
            this.tag(format!("set {items} = {items}.push({})", value.code));
            Ok(())
        })?;
        Ok(Ex::cheap(format!("{name}.items"), Ty::List))
    }

    fn mapped(&mut self, call: &Call, block: &Block, node: &Node) -> Translated<Ex> {
        let looped = if call.name == "transform_values" {
            let receiver = self.receiver(call)?;
            Loop::over(format!("{}.values()", receiver.receiver()))
        } else {
            self.list_of(call, node)?
        };
        let list = looped.list.clone();
        let name = self.temporary("found");
        let items = format!("{name}.items");
        self.tag(format!("set {name} = namespace(items=[])"));
        let at = node.at;
        self.run_loop(&looped, block, &mut |this, block| {
            let value = this.last_value(&block.body, at)?;
            this.tag(format!("set {items} = {items}.push({})", value.code));
            Ok(())
        })?;
        Ok(match call.name.as_str() {
            "flat_map" | "collect_concat" => Ex::tight(format!("{items}.flatten(1)"), Ty::List),
            "filter_map" => Ex::tight(format!("{items}.select(\"itself\")"), Ty::List),
            "to_h" => Ex::tight(format!("{items}.to_h()"), Ty::Map),
            "transform_values" => {
                let keys = list.strip_suffix(".values()").unwrap_or(&list);
                Ex::tight(format!("{keys}.keys().zip({items}).to_h()"), Ty::Map)
            }
            _ => Ex::cheap(items, Ty::List),
        })
    }

    /// Methods that ask a question of each element: the answers are gathered, and the engine does the rest.
    fn asked(&mut self, call: &Call, block: &Block, node: &Node) -> Translated<Ex> {
        let mut looped = self.list_of(call, node)?;
        if let Some(from) = looped.counts_from.take() {
            let from = if from == "0" { String::new() } else { from };
            looped.list = format!("{}.each_with_index({from})", looped.list);
        }
        let name = self.temporary("found");
        let items = format!("{name}.items");
        let list = self.hold(Ex::tight(looped.list.clone(), Ty::Any), "list").code;
        let looped = Loop { list: list.clone(), ..looped };
        self.tag(format!("set {name} = namespace(items=[])"));
        let at = node.at;
        let tests = !matches!(call.name.as_str(), "sort_by" | "min_by" | "max_by" | "group_by" | "sum" | "uniq");
        self.run_loop(&looped, block, &mut |this, block| {
            let value = this.last_value(&block.body, at)?;
            let value = if tests { this.truth(value) } else { value };
            this.tag(format!("set {items} = {items}.push({})", value.code));
            Ok(())
        })?;
        let method = call.name.trim_end_matches('?');
        let (method, ty) = match method {
            "select" | "filter" | "find_all" => ("select_by", Ty::List),
            "reject" => ("reject_by", Ty::List),
            "find" | "detect" => ("find_by", Ty::Any),
            "partition" => ("partition_by", Ty::List),
            "sort_by" => ("sort_by_keys", Ty::List),
            "min_by" => ("min_by_keys", Ty::Any),
            "max_by" => ("max_by_keys", Ty::Any),
            "group_by" => ("group_by_keys", Ty::Map),
            "uniq" => ("uniq_by_keys", Ty::List),
            "sum" => return Ok(Ex::tight(format!("{items}.sum()"), Ty::Any)),
            "any" | "all" | "none" | "one" => return Ok(Ex::tight(format!("{items}.{method}()"), Ty::Bool)),
            "count" => return Ok(Ex::tight(format!("{items}.count(true)"), Ty::Int)),
            "find_index" | "index" => return Ok(Ex::tight(format!("{items}.index(true)"), Ty::Any)),
            _ => return Err(no_block(call, node.at)),
        };
        Ok(Ex::tight(format!("{list}.{method}({items})"), ty))
    }

    /// `inject` and `each_with_object`.
    fn fold(&mut self, call: &Call, block: &Block, node: &Node, takes_value: bool) -> Translated<Ex> {
        let (memo, element) = match block.params.as_slice() {
            [a, b] if takes_value => (a, b),
            [a, b] => (b, a),
            _ => return Err(no_block(call, node.at)),
        };
        let Param::Name(memo) = memo else { return Err(no_block(call, node.at)) };
        let looped = self.list_of(call, node)?;
        let start = match call.args.first() {
            Some(start) => self.value(start)?,
            None => {
                return Err(Problem::new(
                    node.at,
                    format!("`{}` without a first value cannot be translated", call.name),
                ));
            }
        };
        let name = self.temporary("folded");
        let target = self.names.target(*memo, self.variables);
        self.tag(format!("set {name} = namespace(value={})", start.code));
        let inner = Block { params: vec![element.clone()], ..block.clone() };
        let at = node.at;
        self.run_loop(&looped, &inner, &mut |this, block| {
            this.tag(format!("set {target} = {name}.value"));
            if takes_value {
                let value = this.last_value(&block.body, at)?;
                this.tag(format!("set {name}.value = {}", value.code));
            } else {
                this.body(&block.body);
                this.tag(format!("set {name}.value = {target}"));
            }
            Ok(())
        })?;
        Ok(Ex::cheap(format!("{name}.value"), start.ty))
    }

    /// `sort { |a, b| a.x <=> b.x }`.
    fn sort_by_comparison(&mut self, call: &Call, block: &Block, node: &Node) -> Translated<Ex> {
        let ([Param::Name(a), Param::Name(b)], [Node { kind: Kind::Binary("<=>", left, right), .. }]) =
            (block.params.as_slice(), block.body.as_slice())
        else {
            return Err(no_block(call, node.at));
        };
        let (first, reversed) = (mentions(left, *a), mentions(left, *b));
        if first == reversed || mentions(right, *a) == first {
            return Err(no_block(call, node.at));
        }
        let param = if first { *a } else { *b };
        let inner = Block { params: vec![Param::Name(param)], body: vec![left.as_ref().clone()], scope: block.scope };
        let sorting = Call { name: "sort_by".to_owned(), block: Some(inner), ..call.clone() };
        let sorted = self.block_call(&sorting, node)?;
        let sorted = if reversed { format!("{}.reverse()", sorted.receiver()) } else { sorted.code };
        Ok(match call.name.as_str() {
            "min" => Ex::tight(format!("{sorted}.first()"), Ty::Any),
            "max" => Ex::tight(format!("{sorted}.last()"), Ty::Any),
            _ => Ex::tight(sorted, Ty::List),
        })
    }

    /// `tap` and `then`: the block is executed once with the value.
    fn with_value(&mut self, call: &Call, block: &Block) -> Translated<Ex> {
        let receiver = self.receiver(call)?;
        let held = self.hold(Ex { cheap: false, ..receiver }, "value");
        if let [Param::Name(id)] = block.params.as_slice() {
            let name = self.names.target(*id, self.variables);
            self.tag(format!("set {name} = {}", held.code));
            let value = self.last_value(&block.body, 0)?;
            return Ok(if call.name == "tap" { Ex::cheap(name, held.ty) } else { value });
        }
        self.last_value(&block.body, 0)
    }

    /// A helper's block: its value is the helper's last argument.
    fn helper_with_block(&mut self, call: &Call, block: &Block, node: &Node) -> Translated<Ex> {
        if call.name != "indent" {
            return Err(no_block(call, node.at));
        }
        let value = self.last_value(&block.body, node.at)?;
        let mut args = call.args.clone();
        let named = matches!(args.last().map(|arg| &arg.kind), Some(Kind::Hash(_))).then(|| args.pop()).flatten();
        args.push(raw(&value.code, node.at));
        args.extend(named);
        self.helper("indent", &args, node.at)
    }
}

/// `{ |a| a.name }`: the name.
fn plain_question(block: &Block) -> Option<&str> {
    let ([Param::Name(id)], [Node { kind: Kind::Call(call), .. }]) = (block.params.as_slice(), block.body.as_slice())
    else {
        return None;
    };
    let on_element = matches!(&call.receiver, Some(Node { kind: Kind::Local(local), .. }) if local == id);
    let plain = call.args.is_empty() && call.block.is_none() && call.block_pass.is_none() && !call.safe;
    let word = call.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '?'));
    (on_element && plain && word).then_some(call.name.as_str())
}

fn mentions(node: &Node, id: usize) -> bool {
    let mut found = false;
    crate::erb::walk::walk(std::slice::from_ref(node), &mut |node| found |= node.kind == Kind::Local(id));
    found
}
