//! From a wasm body to SSA.
//!
//! A block that several edges reach gets a parameter for each of its results and for each local
//! that is assigned inside the construct which ends (or, for a loop, begins) there; the others
//! cannot differ. Superfluous parameters go in `opt::params`.

mod assigned;
mod ending;
mod ops;

use wasmparser::{BlockType, Operator};
use xmap_abi::HostFunction;

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::ir::{BlockId, Compare, ENTRY, Edge, Func, Inst, Kind, Term, Value, Width};
use crate::wasm::{Callee, ConstExpr, Scope, WasmModule, mnemonic};
use crate::work::Exhausted;

use assigned::{Assigned, calls_itself_last};
use ending::ending;

/// Lowers one function of a module. `file` is the module's name for messages.
///
/// # Errors
/// X0502 for an instruction that is not lowered, and a function that takes more steps than it may.
pub fn lower(file: &str, module: &WasmModule<'_>, index: u32) -> Result<Func, Failure> {
    let ty = module.function_type(index);
    let bytes = module.body(index).map_or(0, |body| body.as_bytes().len());
    let mut lowering = Lowering {
        file,
        module,
        scope: module.scope(index),
        again: None,
        func: Func::new(index, ty.params().len(), ty.results().len(), bytes),
        locals: Vec::new(),
        overwritten: Vec::new(),
        stack: Vec::new(),
        frames: Vec::new(),
        current: Some(ENTRY),
        offset: 0,
    };
    lowering.body()?;
    Ok(lowering.func)
}

/// Why a function was not lowered.
pub enum Failure {
    /// It has an instruction that is not supported.
    Unsupported(Box<Diagnostic>),
    /// It takes more steps than it may.
    Exhausted(Exhausted),
}

impl From<Exhausted> for Failure {
    fn from(exhausted: Exhausted) -> Self {
        Failure::Exhausted(exhausted)
    }
}

/// What a frame of the control stack is.
enum Construct {
    Block,
    Loop {
        head: BlockId,
    },
    If {
        other: BlockId,
        /// How many assignments of locals there were.
        before: usize,
        params: Vec<Value>,
    },
}

struct Frame {
    construct: Construct,
    /// Where `end` goes on.
    end: BlockId,
    /// Locals that are assigned inside: the end's parameters behind the results, and a loop head's.
    assigned: Vec<u32>,
    /// Height of the stack below the parameters.
    height: usize,
    params: usize,
    results: usize,
}

struct Lowering<'m, 'a> {
    file: &'m str,
    module: &'m WasmModule<'a>,
    scope: Scope<'m, 'a>,
    /// The block that a tail call of the function itself goes back to.
    again: Option<BlockId>,
    func: Func,
    locals: Vec<Value>,
    /// The locals that were assigned, with the value that each had before: an `else` takes them back.
    overwritten: Vec<(u32, Value)>,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    /// The block that is being filled; none in code that control cannot reach.
    current: Option<BlockId>,
    offset: u32,
}

impl Lowering<'_, '_> {
    fn body(&mut self) -> Result<(), Failure> {
        let index = self.func.index;
        let body = self.module.body(index).expect("only defined functions are lowered");
        self.locals = self.func.params.clone();
        if calls_itself_last(body, |function| self.scope.callee(function) == Callee::Function(index)) {
            self.begin_again()?;
        }
        for local in body.get_locals_reader().into_iter().flatten() {
            let (count, _) = local.expect("the module validates");
            // Locals start at zero, whatever their type.
            let zero = self.func.constant(0);
            self.locals.extend((0..count).map(|_| zero));
        }
        self.func.work.spend(self.locals.len())?;
        let mut assigned = Assigned::of(body, &mut self.func.work)?.into_iter();
        let end = self.func.block();
        let results = self.func.results;
        // The function's own frame: what leaves it carries results alone.
        self.frames.push(Frame {
            construct: Construct::Block,
            end,
            assigned: Vec::new(),
            height: 0,
            params: 0,
            results,
        });
        self.add_params(end, results)?;

        let mut skipped = 0usize;
        let operators = body.get_operators_reader().expect("the module validates");
        for operator in operators.into_iter_with_offsets() {
            let (op, offset) = operator.expect("the module validates");
            self.offset = self.scope.position(offset as u32);
            let opens = matches!(op, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. });
            let assigned = if opens { assigned.next().unwrap_or_default() } else { Vec::new() };
            if self.current.is_none() {
                // Code behind a branch: only the end of the construct that it is in matters.
                match op {
                    _ if opens => skipped += 1,
                    Operator::End if skipped > 0 => skipped -= 1,
                    Operator::Else if skipped == 0 => self.begin_else()?,
                    Operator::End => self.end()?,
                    _ => {}
                }
                continue;
            }
            match op {
                Operator::Block { blockty } => self.begin_block(blockty, assigned)?,
                Operator::Loop { blockty } => self.begin_loop(blockty, assigned)?,
                Operator::If { blockty } => self.begin_if(blockty, assigned)?,
                Operator::Else => self.begin_else()?,
                Operator::End => self.end()?,
                Operator::Br { relative_depth } => {
                    let edge = self.edge(relative_depth)?;
                    self.terminate(Term::Jump(edge));
                }
                Operator::BrIf { relative_depth } => {
                    let condition = self.pop();
                    let then = self.edge(relative_depth)?;
                    let next = self.func.block();
                    self.branch(condition, then, Edge { to: next, args: Vec::new() });
                    self.place(next);
                }
                Operator::BrTable { targets } => {
                    let index = self.pop();
                    let mut edges = Vec::new();
                    for target in targets.targets() {
                        edges.push(self.edge(target.expect("the module validates"))?);
                    }
                    edges.push(self.edge(targets.default())?);
                    self.terminate(Term::Table { index, targets: edges });
                }
                Operator::Return => self.leave_function()?,
                Operator::Unreachable => self.terminate(Term::Unreachable),
                Operator::Nop => {}
                Operator::Drop => _ = self.pop(),
                Operator::Select => {
                    let condition = self.pop();
                    let [then, other] = self.pop_two();
                    self.push_inst(Kind::Select, vec![condition, then, other]);
                }
                Operator::TypedSelect { .. } => {
                    let condition = self.pop();
                    let [then, other] = self.pop_two();
                    self.push_inst(Kind::Select, vec![condition, then, other]);
                }
                Operator::LocalGet { local_index } => self.stack.push(self.locals[local_index as usize]),
                Operator::LocalSet { local_index } => {
                    let value = self.pop();
                    self.assign(local_index, value);
                }
                Operator::LocalTee { local_index } => {
                    let value = *self.stack.last().expect("the module validates");
                    self.assign(local_index, value);
                }
                Operator::GlobalGet { global_index } => self.global_get(self.scope.global(global_index)),
                Operator::GlobalSet { global_index } => {
                    let value = self.pop();
                    self.inst(Kind::GlobalSet(self.scope.global(global_index)), vec![value], 0);
                }
                Operator::Call { function_index } => self.call(function_index)?,
                Operator::ReturnCall { function_index } => self.return_call(function_index)?,
                Operator::ReturnCallIndirect { type_index, table_index } => {
                    self.bulk(&Operator::CallIndirect { type_index, table_index });
                    self.leave_function()?;
                }
                Operator::CallIndirect { type_index, .. } => {
                    self.bulk(&op);
                    if let Some(exits) = &self.module.exits
                        && exits.behind_type(self.scope.ty(type_index))
                        && exits.behind(self.func.index)
                    {
                        self.leave_where_set(exits.flag)?;
                    }
                }
                Operator::I32Const { value } => self.push_constant(u64::from(value as u32)),
                Operator::I64Const { value } => self.push_constant(value as u64),
                // An i32 stands zero-extended, so this is the same value.
                Operator::I64ExtendI32U => {}
                other => {
                    if !self.simple(&other) {
                        return Err(Failure::Unsupported(Box::new(self.unsupported(&other))));
                    }
                }
            }
            self.func.work.spend(1)?;
        }
        Ok(())
    }

    fn unsupported(&self, op: &Operator<'_>) -> Diagnostic {
        let place = Place::Wasm {
            file: self.file.to_string(),
            function: Some(self.module.function_name(self.func.index)),
            offset: Some(u64::from(self.offset)),
            source: crate::wasm::LineTable::of(self.module).find(self.offset),
        };
        Diagnostic::new(Code::Unsupported, place, format!("{} is not supported", mnemonic(op)))
    }

    fn assign(&mut self, local: u32, value: Value) {
        let before = std::mem::replace(&mut self.locals[local as usize], value);
        self.overwritten.push((local, before));
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("the module validates")
    }

    fn pop_two(&mut self) -> [Value; 2] {
        let second = self.pop();
        [self.pop(), second]
    }

    fn pop_many(&mut self, count: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len() - count)
    }

    fn push_constant(&mut self, bits: u64) {
        let value = self.func.constant(bits);
        self.stack.push(value);
    }

    fn inst(&mut self, kind: Kind, args: Vec<Value>, results: usize) -> Vec<Value> {
        let results: Vec<Value> = (0..results).map(|_| self.func.value()).collect();
        let inst = Inst { kind, args, results: results.clone(), offset: self.offset };
        let current = self.current.expect("only reachable code is lowered");
        self.func.at_mut(current).insts.push(inst);
        results
    }

    fn push_inst(&mut self, kind: Kind, args: Vec<Value>) {
        let results = self.inst(kind, args, 1);
        self.stack.extend(results);
    }

    fn global_get(&mut self, index: u32) {
        let global = &self.module.globals[index as usize];
        match &global.init {
            ConstExpr::Bits(bits) if !global.mutable => self.push_constant(*bits),
            _ => self.push_inst(Kind::GlobalGet(index), Vec::new()),
        }
    }

    fn call(&mut self, function: u32) -> Result<(), Exhausted> {
        let host = |function: HostFunction| {
            let row = function.row();
            (Kind::Host(function), row.params.len(), row.results.len())
        };
        let (kind, params, results) = match self.scope.callee(function) {
            Callee::Host(function) => host(function),
            Callee::Function(function) => match self.module.host_function(function) {
                Some(function) => host(function),
                None => {
                    let ty = self.module.function_type(function);
                    (Kind::Call(function), ty.params().len(), ty.results().len())
                }
            },
        };
        let args = self.pop_many(params);
        let ends = matches!(kind, Kind::Call(function) if self.module.ends(function));
        if let Kind::Call(function) = kind {
            let constants: Vec<Option<u64>> = args.iter().map(|arg| self.func.as_constant(*arg)).collect();
            let message = ending(self.module, function, &constants);
            self.func.messages.extend(message.map(|message| (self.offset, message)));
        }
        // An exit with a code that is known and not 0 is a trap alone.
        let code = args.first().and_then(|code| self.func.as_constant(*code));
        let fails = ends && code.is_some_and(|code| code != 0);
        let results = self.inst(kind, args, results);
        self.stack.extend(results);
        if let (Kind::Call(function), Some(exits)) = (kind, &self.module.exits)
            && exits.behind(function)
            && exits.behind(self.func.index)
            && !fails
        {
            self.leave_where_set(exits.flag)?;
        }
        if ends {
            self.terminate(Term::Unreachable);
        }
        Ok(())
    }

    /// Returns zeros where a global is set: the program has exited behind a call.
    fn leave_where_set(&mut self, global: u32) -> Result<(), Exhausted> {
        self.func.work.spend(1 + self.func.results)?;
        let zeros: Vec<Value> = (0..self.func.results).map(|_| self.func.constant(0)).collect();
        let set = self.inst(Kind::GlobalGet(global), Vec::new(), 1)[0];
        let next = self.func.block();
        let leave = Edge { to: self.frames[0].end, args: zeros };
        self.branch(set, leave, Edge { to: next, args: Vec::new() });
        self.place(next);
        Ok(())
    }

    /// A call in the place of a return. One of the function itself is a branch back, and takes no stack.
    fn return_call(&mut self, function: u32) -> Result<(), Exhausted> {
        if let (Some(again), Callee::Function(callee)) = (self.again, self.scope.callee(function))
            && callee == self.func.index
        {
            let args = self.pop_many(self.func.params.len());
            self.func.work.spend(args.len())?;
            self.terminate(Term::Jump(Edge { to: again, args }));
            return Ok(());
        }
        self.call(function)?;
        if self.current.is_some() { self.leave_function() } else { Ok(()) }
    }

    fn leave_function(&mut self) -> Result<(), Exhausted> {
        let edge = self.edge(self.frames.len() as u32 - 1)?;
        self.terminate(Term::Jump(edge));
        Ok(())
    }

    /// Puts a block behind the entry that has the parameters anew, where the function calls itself in the
    /// place of a return.
    fn begin_again(&mut self) -> Result<(), Exhausted> {
        let head = self.func.block();
        let params = self.func.params.clone();
        self.add_params(head, params.len())?;
        self.locals = self.func.at(head).params.clone();
        self.terminate(Term::Jump(Edge { to: head, args: params }));
        self.place(head);
        self.again = Some(head);
        Ok(())
    }

    // Control.

    fn add_params(&mut self, block: BlockId, count: usize) -> Result<(), Exhausted> {
        self.func.work.spend(count)?;
        let params: Vec<Value> = (0..count).map(|_| self.func.value()).collect();
        self.func.at_mut(block).params.extend(params);
        Ok(())
    }

    /// Begins to fill a block.
    fn place(&mut self, block: BlockId) {
        self.func.layout.push(block);
        self.current = Some(block);
    }

    fn terminate(&mut self, term: Term) {
        let (current, offset) = (self.current.take(), self.offset);
        let block = self.func.at_mut(current.expect("only reachable code is lowered"));
        block.term = term;
        block.term_offset = offset;
    }

    fn branch(&mut self, condition: Value, then: Edge, other: Edge) {
        let zero = self.func.constant(0);
        let (compare, width) = (Compare::Ne, Width::W32);
        self.terminate(Term::Branch { compare, width, args: [condition, zero], then, other });
    }

    fn block_type(&self, ty: BlockType) -> (usize, usize) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &self.module.types[index as usize];
                (ty.params().len(), ty.results().len())
            }
        }
    }

    fn frame(&mut self, construct: Construct, ty: BlockType, assigned: Vec<u32>) -> Result<(), Exhausted> {
        let (params, results) = self.block_type(ty);
        let end = self.func.block();
        self.add_params(end, results + assigned.len())?;
        let height = self.stack.len() - params;
        self.frames.push(Frame { construct, end, assigned, height, params, results });
        Ok(())
    }

    fn begin_block(&mut self, ty: BlockType, assigned: Vec<u32>) -> Result<(), Exhausted> {
        self.frame(Construct::Block, ty, assigned)
    }

    fn begin_loop(&mut self, ty: BlockType, assigned: Vec<u32>) -> Result<(), Exhausted> {
        let head = self.func.block();
        let params = self.block_type(ty).0;
        self.add_params(head, params + assigned.len())?;
        self.frame(Construct::Loop { head }, ty, assigned)?;
        let edge = self.edge(0)?;
        self.terminate(Term::Jump(edge));
        self.place(head);
        self.enter(head, params);
        Ok(())
    }

    fn begin_if(&mut self, ty: BlockType, assigned: Vec<u32>) -> Result<(), Exhausted> {
        let condition = self.pop();
        let params = self.block_type(ty).0;
        let params = self.stack[self.stack.len() - params..].to_vec();
        self.func.work.spend(params.len())?;
        let (then, other) = (self.func.block(), self.func.block());
        let before = self.overwritten.len();
        self.frame(Construct::If { other, before, params }, ty, assigned)?;
        let empty = |to| Edge { to, args: Vec::new() };
        self.branch(condition, empty(then), empty(other));
        self.place(then);
        Ok(())
    }

    fn begin_else(&mut self) -> Result<(), Exhausted> {
        self.leave()?;
        let frame = self.frames.last_mut().expect("the module validates");
        let construct = std::mem::replace(&mut frame.construct, Construct::Block);
        let Construct::If { other, before, params } = construct else {
            unreachable!("the module validates");
        };
        self.stack.truncate(frame.height);
        self.stack.extend(params);
        for (local, value) in self.overwritten.drain(before..).rev() {
            self.locals[local as usize] = value;
        }
        self.place(other);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Exhausted> {
        if let Some(Frame { construct: Construct::If { .. }, .. }) = self.frames.last() {
            // No `else`: its parameters are its results.
            self.begin_else()?;
        }
        self.leave()?;
        let frame = self.frames.pop().expect("the module validates");
        self.stack.truncate(frame.height);
        // Whether any edge leads there is left to the passes: an end that nothing reaches is dropped.
        self.place(frame.end);
        let params = self.func.at(frame.end).params.clone();
        self.stack.extend(&params[..frame.results]);
        for (local, value) in frame.assigned.iter().zip(&params[frame.results..]) {
            self.assign(*local, *value);
        }
        if self.frames.is_empty() {
            let values = self.pop_many(frame.results);
            self.return_or_trap(values);
        }
        Ok(())
    }

    /// Ends the function. What does not return has a trap behind each call of it; where there may be none, by
    /// a reference or as an export, the trap stands in the function, too.
    fn return_or_trap(&mut self, values: Vec<Value>) {
        let index = self.func.index;
        if !self.module.ends(index) || !self.module.is_referenced(index) {
            return self.terminate(Term::Return(values));
        }
        if let Some(exits) = self.module.exits.as_ref().filter(|exits| exits.behind(index)) {
            let exited = self.inst(Kind::GlobalGet(exits.flag), Vec::new(), 1)[0];
            let [over, trap] = [self.func.block(), self.func.block()];
            let to = |to| Edge { to, args: Vec::new() };
            self.branch(exited, to(over), to(trap));
            self.place(over);
            self.terminate(Term::Return(values));
            self.place(trap);
        }
        self.terminate(Term::Unreachable);
    }

    /// Goes on to the end of the innermost construct.
    fn leave(&mut self) -> Result<(), Exhausted> {
        if self.current.is_some() {
            let frame = self.frames.last().expect("the module validates");
            let mut args = self.stack[self.stack.len() - frame.results..].to_vec();
            args.extend(frame.assigned.iter().map(|local| self.locals[*local as usize]));
            let to = frame.end;
            self.func.work.spend(args.len())?;
            self.terminate(Term::Jump(Edge { to, args }));
        }
        Ok(())
    }

    /// The edge to a label, with what is on the stack for it.
    fn edge(&mut self, depth: u32) -> Result<Edge, Exhausted> {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        let (to, count) = match frame.construct {
            Construct::Loop { head } => (head, frame.params),
            _ => (frame.end, frame.results),
        };
        let mut args = self.stack[self.stack.len() - count..].to_vec();
        args.extend(frame.assigned.iter().map(|local| self.locals[*local as usize]));
        self.func.work.spend(1 + args.len())?;
        Ok(Edge { to, args })
    }

    /// Takes a loop head's parameters as the values on the stack and in locals.
    fn enter(&mut self, head: BlockId, params: usize) {
        let values = self.func.at(head).params.clone();
        let height = self.stack.len() - params;
        self.stack.truncate(height);
        self.stack.extend(&values[..params]);
        let frame = self.frames.pop().expect("the loop's frame was pushed");
        for (local, value) in frame.assigned.iter().zip(&values[params..]) {
            self.assign(*local, *value);
        }
        self.frames.push(frame);
    }
}
