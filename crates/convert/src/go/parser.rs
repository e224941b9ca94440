//! Builds the tree of a Go template: what is inside which condition, and every pipeline.

use super::ast::{Branch, Definition, File, Node, Offset, Otherwise, Pipe, Tag};
use super::fault::Fault;
use super::lexer::{self, Kind, Piece, Token};
use super::pipeline::Tokens;

/// More than a person writes, and less than the stack holds.
const DEEPEST: usize = 100;

/// Reads a whole file.
pub(super) fn file(source: &str) -> Result<File, Fault> {
    let pieces = lexer::pieces(source)?.into_iter();
    let mut parser = Parser { pieces, definitions: Vec::new(), loops: 0, depth: 0, end: source.len() };
    let body = match parser.body(None)? {
        (body, Stop::EndOfFile) => body,
        (_, Stop::End(tag)) => return Err(Fault::new(tag.at, "there is nothing here that {{end}} could end")),
        (_, Stop::Else(tag, _)) => return Err(Fault::new(tag.at, "there is no {{if}} that {{else}} could belong to")),
    };
    Ok(File { body, definitions: parser.definitions })
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    definitions: Vec<Definition>,
    /// How many loops the place is in: what `break` needs.
    loops: usize,
    depth: usize,
    end: Offset,
}

/// What ended a body.
enum Stop {
    EndOfFile,
    End(Tag),
    /// With the pipeline behind `else if` or `else with`.
    Else(Tag, Option<(String, Pipe)>),
}

impl Parser {
    /// Reads up to what ends the body that was opened at `opened`; the file's own ends with the file.
    fn body(&mut self, opened: Option<Offset>) -> Result<(Vec<Node>, Stop), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(opened.unwrap_or(0), format!("more than {DEEPEST} blocks are inside each other")));
        }
        let mut nodes = Vec::new();
        let stop = loop {
            match self.pieces.next() {
                None if opened.is_none() => break Stop::EndOfFile,
                None => {
                    let at = opened.unwrap_or(self.end);
                    return Err(Fault::new(at, "this block is not closed").hint("add {{end}}"));
                }
                Some(Piece::Text(text)) => nodes.push(Node::Text(text)),
                Some(Piece::Comment { text, tag }) => nodes.push(Node::Comment { text, tag }),
                Some(Piece::Action { tokens, tag, end }) => match self.action(tokens, tag, end)? {
                    Step::Node(node) => nodes.push(node),
                    Step::Stop(stop) => break stop,
                },
            }
        };
        self.depth -= 1;
        Ok((nodes, stop))
    }

    fn action(&mut self, tokens: Vec<Token>, tag: Tag, end: Offset) -> Result<Step, Fault> {
        let keyword = match tokens.first() {
            Some(Token { kind: Kind::Word(word), .. }) => word.clone(),
            Some(_) => String::new(),
            None => return Err(Fault::new(tag.at, "an action is empty")),
        };
        let mut tokens = Tokens::new(tokens, end);
        let node = match keyword.as_str() {
            "if" => Node::If(self.branch(tokens.behind_keyword(), tag, "if")?),
            "with" => Node::With(self.branch(tokens.behind_keyword(), tag, "with")?),
            "range" => {
                self.loops += 1;
                let branch = self.branch(tokens.behind_keyword(), tag, "range")?;
                Node::Range(branch)
            }
            "end" => {
                tokens.behind_keyword().nothing_more()?;
                return Ok(Step::Stop(Stop::End(tag)));
            }
            "else" => return self.otherwise(tokens.behind_keyword(), tag).map(Step::Stop),
            "define" => self.define(tokens.behind_keyword(), tag)?,
            "block" => self.block(tokens.behind_keyword(), tag)?,
            "template" => template(tokens.behind_keyword(), tag)?,
            "break" | "continue" => {
                tokens.behind_keyword().nothing_more()?;
                if self.loops == 0 {
                    return Err(Fault::new(tag.at, format!("{keyword} stands outside any {{{{range}}}}")));
                }
                if keyword == "break" { Node::Break(tag) } else { Node::Continue(tag) }
            }
            _ => Node::Action { pipe: tokens.whole_pipe()?, tag },
        };
        Ok(Step::Node(node))
    }

    /// A condition or loop, from its pipeline to its end.
    fn branch(&mut self, mut tokens: Tokens, tag: Tag, keyword: &str) -> Result<Branch, Fault> {
        let pipe = tokens.whole_pipe()?;
        self.branch_of(pipe, tag, keyword)
    }

    fn branch_of(&mut self, pipe: Pipe, tag: Tag, keyword: &str) -> Result<Branch, Fault> {
        let most = if keyword == "range" { 2 } else { 1 };
        if pipe.variables.len() > most {
            return Err(Fault::new(pipe.at, format!("{keyword} takes at most {most} variables")));
        }
        let (body, stop) = self.body(Some(tag.at))?;
        if keyword == "range" {
            self.loops -= 1;
        }
        let (otherwise, end) = match stop {
            Stop::End(end) => (None, end),
            Stop::Else(tag, next) => {
                let (otherwise, end) = self.else_branch(tag, next, keyword)?;
                (Some(otherwise), end)
            }
            Stop::EndOfFile => return Err(Fault::new(tag.at, "this block is not closed")),
        };
        Ok(Branch { pipe, tag, body, otherwise, end })
    }

    fn else_branch(
        &mut self,
        tag: Tag,
        next: Option<(String, Pipe)>,
        keyword: &str,
    ) -> Result<(Otherwise, Tag), Fault> {
        if let Some((next, pipe)) = next {
            if next != keyword {
                return Err(Fault::new(tag.at, format!("{{{{else {next}}}}} cannot belong to {{{{{keyword}}}}}")));
            }
            let branch = self.branch_of(pipe, tag, &next)?;
            let end = branch.end;
            let node = if next == "if" { Node::If(branch) } else { Node::With(branch) };
            return Ok((Otherwise { tag, chained: true, body: vec![node] }, end));
        }
        match self.body(Some(tag.at))? {
            (body, Stop::End(end)) => Ok((Otherwise { tag, chained: false, body }, end)),
            (_, Stop::Else(again, _)) => Err(Fault::new(again.at, "there is an {{else}} already")),
            (_, Stop::EndOfFile) => Err(Fault::new(tag.at, "this block is not closed")),
        }
    }

    fn otherwise(&self, mut tokens: Tokens, tag: Tag) -> Result<Stop, Fault> {
        match tokens.word() {
            None => {
                tokens.nothing_more()?;
                Ok(Stop::Else(tag, None))
            }
            Some(word) if word == "if" || word == "with" => {
                let pipe = tokens.whole_pipe()?;
                Ok(Stop::Else(tag, Some((word, pipe))))
            }
            Some(word) => Err(Fault::new(tag.at, format!("{word:?} cannot stand behind else"))),
        }
    }

    fn define(&mut self, mut tokens: Tokens, tag: Tag) -> Result<Node, Fault> {
        if self.depth > 1 {
            return Err(Fault::new(tag.at, "a definition stands inside another block"));
        }
        let name = tokens.text()?;
        tokens.nothing_more()?;
        let end = self.defined(name, tag)?;
        Ok(Node::Defined { tag, end })
    }

    fn block(&mut self, mut tokens: Tokens, tag: Tag) -> Result<Node, Fault> {
        let name = tokens.text()?;
        let argument = tokens.whole_pipe()?;
        let end = self.defined(name.clone(), tag)?;
        Ok(Node::Block { name, argument, tag, end })
    }

    fn defined(&mut self, name: String, tag: Tag) -> Result<Tag, Fault> {
        let loops = std::mem::take(&mut self.loops);
        let (body, stop) = self.body(Some(tag.at))?;
        self.loops = loops;
        let Stop::End(end) = stop else {
            return Err(Fault::new(tag.at, "a definition cannot have an {{else}}"));
        };
        // What the tags take away at both ends inside belongs to the body.
        let body = trimmed(body, tag, end);
        self.definitions.retain(|known| known.name != name);
        self.definitions.push(Definition { name, at: tag.at, body });
        Ok(end)
    }
}

enum Step {
    Node(Node),
    Stop(Stop),
}

/// The body of a definition without the blanks that its own tags take away: it is moved to another place.
fn trimmed(mut body: Vec<Node>, open: Tag, close: Tag) -> Vec<Node> {
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
    if let (true, Some(Node::Text(text))) = (open.trim_right, body.first_mut()) {
        *text = text.trim_start_matches(BLANKS).to_owned();
    }
    if let (true, Some(Node::Text(text))) = (close.trim_left, body.last_mut()) {
        *text = text.trim_end_matches(BLANKS).to_owned();
    }
    body
}

fn template(mut tokens: Tokens, tag: Tag) -> Result<Node, Fault> {
    let name = tokens.text()?;
    let argument = if tokens.is_empty() { None } else { Some(tokens.whole_pipe()?) };
    Ok(Node::Template { name, argument, tag })
}
