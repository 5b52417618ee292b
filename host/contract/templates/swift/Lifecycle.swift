#if canImport(SwiftUI)
import SwiftUI

/// Connects when its view appears and gives everything back when it disappears.
struct PanelModifier: ViewModifier {
    let options: Options
    let onState: @MainActor @Sendable (SessionState) -> Void
    let onNews: @MainActor @Sendable (News) -> Void
    @State private var session: Session?

    func body(content: Content) -> some View {
        content
            .onAppear {
                session = connect(options, onState: onState, onNews: onNews)
            }
            .onDisappear {
                session?.close()
                session = nil
            }
    }
}

extension View {
    /// Connects to the panel while this view is on the screen.
    public func panelSession(
        _ options: Options, onState: @escaping @MainActor @Sendable (SessionState) -> Void = { _ in },
        onNews: @escaping @MainActor @Sendable (News) -> Void = { _ in }
    ) -> some View {
        modifier(PanelModifier(options: options, onState: onState, onNews: onNews))
    }
}
#endif
