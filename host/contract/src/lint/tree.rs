//! What the readers of all languages share: walks over a syntax tree.

use std::ops::Range;

use tree_sitter::{Language, Node, Parser, Tree};
use xmap_compiler::manifest::Owner;

use super::{Declarations, Declared, Ending, Shape, owners};

/// Parses a text; what cannot be read stands in the tree as an error.
pub(super) fn parse(language: Language, text: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&language).expect("the grammar is of this library's version");
    parser.parse(text, None).expect("without a time limit it ends with a tree")
}

/// A node with its text.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub(super) node: Node<'t>,
    pub(super) all: &'t str,
}

impl<'t> At<'t> {
    pub(super) fn text(self) -> &'t str {
        self.all.get(self.node.byte_range()).unwrap_or_default()
    }

    pub(super) fn kind(self) -> &'t str {
        self.node.kind()
    }

    pub(super) fn span(self) -> Range<usize> {
        self.node.byte_range()
    }

    fn with(self, node: Node<'t>) -> Self {
        Self { node, ..self }
    }

    pub(super) fn field(self, name: &str) -> Option<Self> {
        self.node.child_by_field_name(name).map(|node| self.with(node))
    }

    /// The named children, in order.
    pub(super) fn children(self) -> Vec<Self> {
        let mut cursor = self.node.walk();
        self.node.named_children(&mut cursor).map(|node| self.with(node)).collect()
    }

    pub(super) fn child(self, kind: &str) -> Option<Self> {
        self.children().into_iter().find(|child| child.kind() == kind)
    }

    pub(super) fn parent(self) -> Option<Self> {
        self.node.parent().map(|node| self.with(node))
    }

    /// All nodes below and this one, in the order of the text. No recursion: a text may nest deeply.
    pub(super) fn walk(self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut open = vec![self.node];
        while let Some(node) = open.pop() {
            all.push(self.with(node));
            let mut cursor = node.walk();
            let children: Vec<Node<'t>> = node.named_children(&mut cursor).collect();
            open.extend(children.into_iter().rev());
        }
        all
    }

    /// The comments directly above it, or above what wraps it.
    pub(super) fn owners(self, wrappers: &[&str]) -> Vec<(String, Owner)> {
        let mut node = self.node;
        while let Some(parent) = node.parent().filter(|parent| wrappers.contains(&parent.kind())) {
            node = parent;
        }
        let mut text = String::new();
        let mut above = node.prev_sibling();
        while let Some(node) =
            above.filter(|node| node.kind().contains("comment") || node.kind() == "attribute_item")
        {
            if node.kind().contains("comment") {
                text = format!("{}\n{text}", self.with(node).text());
            }
            above = node.prev_sibling();
        }
        owners(&text)
    }

    /// A type here.
    pub(super) fn declared(self, shape: Shape) -> Declared {
        Declared { shape, text: self.text().to_string(), nullable: false, owner: None, span: self.span() }
    }
}

/// No result, at a place.
pub(super) fn nothing(span: Range<usize>) -> Declared {
    Declared { shape: Shape::Void, text: String::new(), nullable: false, owner: None, span }
}

/// The names in stretches that could not be read: those of an error, and of a function that has one in it.
/// What the file declares has been read before.
pub(super) fn unread(root: At<'_>, into: &mut Declarations) {
    if !root.node.has_error() {
        return;
    }
    into.foreign = into.functions.is_empty() && into.endings.is_empty();
    let mut open = vec![root.node];
    while let Some(node) = open.pop() {
        if node.is_error() || node.is_missing() {
            let all = root.with(node).walk();
            let own = function(node).and_then(|node| {
                root.with(node).walk().into_iter().find(|at| at.kind().ends_with("identifier"))
            });
            for name in all.into_iter().filter(|at| at.kind().ends_with("identifier")).chain(own) {
                let found = (name.text().to_string(), name.span());
                if !into.unread.contains(&found) {
                    into.unread.push(found);
                }
            }
        }
        let mut cursor = node.walk();
        open.extend(node.children(&mut cursor).filter(Node::has_error));
    }
}

/// The function around a node; its first name is its own, but for the type of one in C.
fn function(node: Node<'_>) -> Option<Node<'_>> {
    const FUNCTIONS: [&str; 10] = [
        "function_declarator",
        "function_declaration",
        "protocol_function_declaration",
        "function_signature",
        "function_signature_item",
        "function_item",
        "method_signature",
        "method_definition",
        "abstract_method_signature",
        "property_signature",
    ];
    std::iter::successors(node.parent(), Node::parent).find(|node| FUNCTIONS.contains(&node.kind()))
}

/// Returns whether brackets, or marks that nest as well, stand deeper in one another than anybody writes:
/// parsers go down as deep.
pub(super) fn nests_deeply(text: &str) -> bool {
    const MOST: u32 = 500;
    let (mut depth, mut angles, mut marks) = (0u32, 0u32, 0u32);
    text.bytes().any(|byte| {
        marks = if matches!(byte, b'?' | b'*' | b'&' | b'!') { marks + 1 } else { 0 };
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'<' => angles += 1,
            b'>' => angles = angles.saturating_sub(1),
            // What is smaller than something else is no bracket.
            b';' | b'\n' => angles = 0,
            _ => {}
        }
        depth.max(angles).max(marks) > MOST
    })
}

/// The end of a life: a function of one of these names in something that has a handle.
pub(super) fn ending(
    function: At<'_>,
    name: &str,
    span: Range<usize>,
    holder: At<'_>,
    into: &mut Declarations,
) {
    let calls = function.walk().into_iter().filter(|at| at.kind() == "call_expression");
    let callee = |call: At<'_>| {
        let first = call.field("function").or_else(|| call.children().into_iter().next())?;
        let last = first.walk().into_iter().rfind(|at| at.kind().ends_with("identifier"))?;
        Some(last.text().to_string())
    };
    let holds_handle = holder
        .walk()
        .into_iter()
        .any(|at| at.kind().ends_with("identifier") && at.text().to_lowercase().ends_with("handle"));
    into.endings.push(Ending {
        name: name.to_string(),
        holds_handle,
        calls: calls.filter_map(callee).collect(),
        span,
    });
}
