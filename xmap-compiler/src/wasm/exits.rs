//! The way out of a program: what may come back from a call because the program has exited.
//!
//! `proc_exit` with the code 0 ends a program of WASI wherever it is called, and a panel has no way to unwind
//! its stack. So the library sets a global, and each function that such a call may come back to looks at it
//! behind the call and returns at once. Those functions are found here, by the calls in the bodies.

use std::collections::{HashMap, HashSet};

use wasmparser::Operator;

use super::read::{ConstExpr, Import, WasmModule};

/// The calls of a program behind which it may have exited.
#[derive(Debug)]
pub struct Exits {
    /// The global that is 1 then.
    pub flag: u32,
    functions: HashSet<u32>,
    types: HashSet<u32>,
}

impl Exits {
    /// Returns whether a program may have exited behind a call of a function. What calls such a function is
    /// one itself, but for the library, where the way out ends.
    pub fn behind(&self, function: u32) -> bool {
        self.functions.contains(&function)
    }

    /// Returns the same of an indirect call, by its type.
    pub fn behind_type(&self, ty: u32) -> bool {
        self.types.contains(&ty)
    }
}

/// What calls something.
#[derive(Default)]
struct Callers {
    of_function: HashMap<u32, Vec<u32>>,
    /// By the first type that is the same.
    of_type: HashMap<u32, Vec<u32>>,
    /// Functions that a reference may be of.
    referenced: HashSet<u32>,
}

impl WasmModule<'_> {
    /// Returns the calls behind which a program may have exited; `flag` is the global that says so.
    pub(crate) fn exits(&self, exit: &str, flag: u32) -> Exits {
        let mut first = HashMap::new();
        let same: Vec<u32> = (0..).zip(&self.types).map(|(n, ty)| *first.entry(ty).or_insert(n)).collect();
        let callers = self.callers(&same);
        let is_exit = |import: &Import<'_>| matches!(import, Import::Library(f) if f.name == exit);
        let imports = (0..).zip(&self.imports);
        let mut work: Vec<u32> = imports.filter(|(_, import)| is_exit(import)).map(|(n, _)| n).collect();
        let mut functions: HashSet<u32> = work.iter().copied().collect();
        let mut types = HashSet::new();
        while let Some(function) = work.pop() {
            let mut reached: Vec<u32> = callers.of_function.get(&function).cloned().unwrap_or_default();
            if callers.referenced.contains(&function) {
                let ty = same[self.functions[function as usize] as usize];
                if types.insert(ty) {
                    reached.extend(callers.of_type.get(&ty).into_iter().flatten());
                }
            }
            work.extend(reached.into_iter().filter(|caller| functions.insert(*caller)));
        }
        let types = (0..).zip(&same).filter(|(_, first)| types.contains(first)).map(|(ty, _)| ty).collect();
        Exits { flag, functions, types }
    }

    /// The callers of each function and type among the module's own bodies.
    fn callers(&self, same: &[u32]) -> Callers {
        let mut callers = Callers::default();
        let items = self.elements.iter().flat_map(|segment| &segment.items);
        for item in items.chain(self.globals.iter().map(|global| &global.init)) {
            if let ConstExpr::Function(function) = item {
                callers.referenced.insert(*function);
            }
        }
        for (caller, body) in (self.imports.len() as u32..).zip(&self.bodies) {
            for op in body.get_operators_reader().expect("the module validates") {
                match op.expect("the module validates") {
                    Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                        callers.of_function.entry(function_index).or_default().push(caller);
                    }
                    Operator::CallIndirect { type_index, .. }
                    | Operator::ReturnCallIndirect { type_index, .. } => {
                        callers.of_type.entry(same[type_index as usize]).or_default().push(caller);
                    }
                    Operator::RefFunc { function_index } => _ = callers.referenced.insert(function_index),
                    _ => {}
                }
            }
        }
        callers
    }
}
