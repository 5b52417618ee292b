import Foundation

#if !canImport(FoundationNetworking)
/// What happened to the device: `device` (everything that is known) first, then `levels`, `event`, ...
public struct News: Sendable {
    public let kind: String
    /// JSON.
    public let data: Data
}

/// `connecting` also where a connection was lost; `refused` where another try would be refused, too.
public enum SessionState: Sendable {
    case connecting
    case open
    case refused(ClientError)
}

/// A connection to a panel: while it is open, the device holds the exports that this client was made for. It
/// ends with `close()`, and where nothing refers to it any more.
public final class Session: Sendable {
    private static let firstRestMs: UInt64 = 200
    private static let longestRestMs: UInt64 = 15_000

    private let task: Task<Void, Never>

    init(
        options: Options, url: String, onState: @escaping @MainActor @Sendable (SessionState) -> Void,
        onNews: @escaping @MainActor @Sendable (News) -> Void
    ) {
        task = Task {
            var rest = Session.firstRestMs
            while !Task.isCancelled {
                await onState(.connecting)
                do {
                    try await Session.stream(
                        options: options, url: url, rest: &rest, onState: onState, onNews: onNews)
                } catch let error as ClientError {
                    if case .api(let status, _) = error, status < 500, status != 429 {
                        if !Task.isCancelled { await onState(.refused(error)) }
                        return
                    }
                } catch {
                    // It is tried again.
                }
                try? await Task.sleep(nanoseconds: rest * 1_000_000)
                rest = min(rest * 2, Session.longestRestMs)
            }
        }
    }

    deinit {
        task.cancel()
    }

    /// Ends it: the device gives back what it held for this client.
    public func close() {
        task.cancel()
    }

    private static func stream(
        options: Options, url: String, rest: inout UInt64,
        onState: @MainActor @Sendable (SessionState) -> Void, onNews: @MainActor @Sendable (News) -> Void
    ) async throws {
        guard let address = URL(string: url) else { throw URLError(.badURL) }
        var request = URLRequest(url: address)
        // The server sends something every 10 s.
        request.timeoutInterval = 30
        request.setValue("text/event-stream", forHTTPHeaderField: "Accept")
        if let token = options.token {
            request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        }
        let (bytes, response) = try await options.session.bytes(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        guard status == 200 else {
            var body = Data()
            for try await byte in bytes.prefix(65_536) {
                body.append(byte)
            }
            throw ClientError.api(status: status, body: body)
        }
        rest = firstRestMs
        await onState(.open)
        var kind = ""
        for try await line in bytes.lines {
            try Task.checkCancellation()
            if line.hasPrefix("event: ") {
                kind = String(line.dropFirst(7))
            } else if line.hasPrefix("data: ") {
                await onNews(News(kind: kind, data: Data(line.dropFirst(6).utf8)))
            }
        }
    }
}
#endif
