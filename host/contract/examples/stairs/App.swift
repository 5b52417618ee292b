// A screen of the stairwell in SwiftUI: a switch for the lamp, and whether the panel is there.
import StairwellClient
import SwiftUI

struct Stairs: View {
    let options: Options
    @State private var lit = false
    @State private var isOpen = false

    var body: some View {
        Toggle(
            "Stairs",
            isOn: Binding(
                get: { lit },
                set: { on in
                    Task {
                        if on { try await Panel(options).lampOn() } else { try await Panel(options).lampOff() }
                    }
                })
        )
        .disabled(!isOpen)
        .panelSession(
            options,
            onState: { state in
                if case .open = state { isOpen = true } else { isOpen = false }
            },
            onNews: { news in
                guard news.kind == "levels", let levels = try? JSONDecoder().decode(Levels.self, from: news.data)
                else { return }
                lit = levels.data.banks[0] & (1 << 17) != 0
            })
    }
}

struct Levels: Decodable {
    struct Banks: Decodable {
        let banks: [UInt32]
    }

    let data: Banks
}
