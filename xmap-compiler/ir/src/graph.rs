//! Strongly connected components: what lies on a common cycle of a graph.

/// The components of a graph, each in front of those that it leads to. `graph[n]` are the nodes that node `n`
/// leads to. Where the order is free, the component with the smaller numbers comes first.
pub fn components(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    // Tarjan's algorithm, on a stack of its own: graphs are as deep as modules are long.
    let mut number = vec![NEW; graph.len()];
    let mut low = vec![0; graph.len()];
    let mut open = vec![false; graph.len()];
    let (mut stack, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in (0..graph.len()).rev() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut enter = (number[root] == NEW).then_some(root);
        loop {
            if let Some(node) = enter.take() {
                (number[node], low[node], open[node]) = (count, count, true);
                count += 1;
                stack.push(node);
                path.push((node, graph[node].len()));
            }
            let Some((node, rest)) = path.last_mut() else { break };
            let node = *node;
            if let Some(next) = rest.checked_sub(1) {
                *rest = next;
                let to = graph[node][next];
                if number[to] == NEW {
                    enter = Some(to);
                } else if open[to] {
                    low[node] = low[node].min(number[to]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == number[node] {
                let from = stack.iter().rposition(|n| *n == node).expect("an open node is on the stack");
                let component = stack.split_off(from);
                component.iter().for_each(|n| open[*n] = false);
                found.push(component);
            }
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_one_and_stand_in_front_of_what_they_lead_to() {
        // 0 -> 1 <-> 2 -> 3, 0 -> 4 -> 3, 3 -> 3
        let graph = [vec![1, 4], vec![2], vec![1, 3], vec![3], vec![3]];
        let mut found = components(&graph);
        found.iter_mut().for_each(|component| component.sort_unstable());
        assert_eq!(found, [vec![0], vec![1, 2], vec![4], vec![3]]);
    }

    #[test]
    fn a_deep_graph_needs_no_deep_stack() {
        let mut graph: Vec<Vec<usize>> = (1..100_000).map(|n| vec![n]).collect();
        graph.push(vec![50_000]);
        let found = components(&graph);
        assert_eq!((found.len(), found[50_000].len()), (50_001, 50_000));
    }
}
