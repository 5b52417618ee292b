//! The intermediate form as text, for tests and for people who work on the compiler.

use std::fmt;

use super::{Edge, Func, Term, Value};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Func {
    fn name(&self, value: Value) -> String {
        match self.as_constant(value) {
            Some(bits) => format!("{}", bits as i64),
            None => value.to_string(),
        }
    }

    fn names(&self, values: &[Value]) -> String {
        values.iter().map(|v| self.name(*v)).collect::<Vec<_>>().join(", ")
    }

    fn edge(&self, edge: &Edge) -> String {
        format!("b{}({})", edge.to.0, self.names(&edge.args))
    }
}

impl fmt::Display for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "func {}({})", self.index, self.names(&self.params))?;
        for id in self.order() {
            let block = self.at(id);
            writeln!(f, "b{}({}):", id.0, self.names(&block.params))?;
            for inst in &block.insts {
                let results = self.names(&inst.results);
                let equals = if inst.results.is_empty() { "" } else { " = " };
                writeln!(f, "  {results}{equals}{:?} {}", inst.kind, self.names(&inst.args))?;
            }
            match &block.term {
                Term::Jump(edge) => writeln!(f, "  jump {}", self.edge(edge))?,
                Term::Branch { compare, width, args, then, other } => writeln!(
                    f,
                    "  if {compare:?}.{width:?} {} then {} else {}",
                    self.names(args),
                    self.edge(then),
                    self.edge(other)
                )?,
                Term::Table { index, targets } => {
                    let targets: Vec<_> = targets.iter().map(|t| self.edge(t)).collect();
                    writeln!(f, "  table {} [{}]", self.name(*index), targets.join(" "))?;
                }
                Term::Return(values) => writeln!(f, "  return {}", self.names(values))?,
                Term::Unreachable => writeln!(f, "  unreachable")?,
            }
        }
        Ok(())
    }
}
