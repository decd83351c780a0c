//! The tree that a template is read into.

use std::fmt;

use crate::error::Position;
use crate::number::Number;

/// What stands between an action that opens a block and the one that ends it.
pub(crate) type Nodes = Vec<Node>;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text(String),
    Action(Pipeline),
    Conditional(Conditional),
    Range(Range),
    Template {
        at: Position,
        name: Vec<u8>,
        argument: Option<Pipeline>,
    },
    Break,
    Continue,
}

/// `if` and `with`: the arms after `else if` and `else with` follow the first in one list.
#[derive(Clone, Debug)]
pub(crate) struct Conditional {
    /// Whether the value becomes the dot of its arm (`with`).
    pub(crate) sets_dot: bool,
    pub(crate) arms: Vec<(Pipeline, Nodes)>,
    pub(crate) otherwise: Nodes,
}

#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) over: Pipeline,
    pub(crate) body: Nodes,
    pub(crate) otherwise: Nodes,
}

#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) at: Position,
    /// The variables on the left of `:=` or `=`.
    pub(crate) variables: Vec<String>,
    /// Whether they are set (`=`) and not declared (`:=`).
    pub(crate) assigns: bool,
    /// Never empty.
    pub(crate) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) head: Operand,
    pub(crate) arguments: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) at: Position,
    pub(crate) term: Term,
}

#[derive(Clone, Debug)]
pub(crate) enum Term {
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    Text(Vec<u8>),
    /// `.a.b`
    Fields(Vec<String>),
    /// `$x.a.b`
    Variable {
        name: String,
        fields: Vec<String>,
    },
    Function(Function),
    Parenthesized(Box<Pipeline>),
    /// `(…).a.b`
    Chain {
        base: Box<Operand>,
        fields: Vec<String>,
    },
}

impl Term {
    /// Whether it is a literal or the dot: what can neither take an argument nor have a field.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(
            self,
            Self::Bool(_) | Self::Dot | Self::Nil | Self::Number(_) | Self::Text(_)
        )
    }
}

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal .. $most:expr;)*) => {
        /// The functions that every template of Go has.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Returns the least and, unless there is no end, the greatest number of arguments.
            pub(crate) fn arity(self) -> (usize, Option<usize>) {
                match self { $(Self::$variant => ($least, $most)),* }
            }
        }
    };
}

functions! {
    And "and" 1 .. None;
    Call "call" 1 .. None;
    Eq "eq" 1 .. None;
    Ge "ge" 2 .. Some(2);
    Gt "gt" 2 .. Some(2);
    Html "html" 0 .. None;
    Index "index" 1 .. None;
    Js "js" 0 .. None;
    Le "le" 2 .. Some(2);
    Len "len" 1 .. Some(1);
    Lt "lt" 2 .. Some(2);
    Ne "ne" 2 .. Some(2);
    Not "not" 1 .. Some(1);
    Or "or" 1 .. None;
    Print "print" 0 .. None;
    Printf "printf" 1 .. None;
    Println "println" 0 .. None;
    Slice "slice" 1 .. None;
    Urlquery "urlquery" 0 .. None;
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// Returns all names, for people.
    pub(crate) fn names() -> impl fmt::Display {
        let names: Vec<_> = Self::ALL.iter().map(|f| f.name()).collect();
        names.join(", ")
    }
}
