// Written by `xmap sdk` from "Logging" 1.2.0: what is changed here is lost.
import Foundation

/// Where the document says that the server is.
public let baseURL = "https://logs.example/api"

public final class Entry: Codable, Sendable {
    public let `class`: String?
    public let level: Level
    public let message: String
    public let parent: Entry?

    public init(`class`: String? = nil, level: Level, message: String, parent: Entry? = nil) {
        self.class = `class`
        self.level = level
        self.message = message
        self.parent = parent
    }

    enum CodingKeys: String, CodingKey {
        case `class` = "class"
        case level = "level"
        case message = "message"
        case parent = "parent"
    }
}

/// One of these, or what a newer server has beside them.
public struct ErrorCode: RawRepresentable, Codable, Hashable, Sendable {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let badLevel = ErrorCode(rawValue: "bad_level")
    public static let tooLong = ErrorCode(rawValue: "too_long")
    public static let tooMany = ErrorCode(rawValue: "too_many")
}

/// One of these, or what a newer server has beside them.
public struct Level: RawRepresentable, Codable, Hashable, Sendable {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let debug = Level(rawValue: "debug")
    public static let info = Level(rawValue: "info")
    public static let warn = Level(rawValue: "warn")
    public static let error = Level(rawValue: "error")
}

public struct LogField: Codable, Sendable {
    public let key: String
    public let value: String?

    public init(key: String, value: String?) {
        self.key = key
        self.value = value
    }

    enum CodingKeys: String, CodingKey {
        case key = "key"
        case value = "value"
    }
}

public struct Problem: Codable, Sendable {
    public let code: ErrorCode
    public let detail: String
    public let retryAfterS: Int?

    public init(code: ErrorCode, detail: String, retryAfterS: Int? = nil) {
        self.code = code
        self.detail = detail
        self.retryAfterS = retryAfterS
    }

    enum CodingKeys: String, CodingKey {
        case code = "code"
        case detail = "detail"
        case retryAfterS = "retry_after_s"
    }
}

public struct Receipt: Codable, Sendable {
    public let id: String
    public let sequence: Decimal

    public init(id: String, sequence: Decimal) {
        self.id = id
        self.sequence = sequence
    }

    enum CodingKeys: String, CodingKey {
        case id = "id"
        case sequence = "sequence"
    }
}

/// The calls of Logging.
public struct Logger: Sendable {
    private let _client: Client

    public init(_ options: Options = Options()) {
        _client = Client(options: options, base: baseURL)
    }

    /// Takes a message
    public func log(level: Level, message: String, fields: [LogField]? = nil, timeout: TimeInterval? = nil) async throws -> Receipt {
        struct Body: Encodable {
            let level: Level
            let message: String
            let fields: [LogField]?
            enum CodingKeys: String, CodingKey {
                case level = "level"
                case message = "message"
                case fields = "fields"
            }
        }
        let request = Request(method: "POST", path: "/v1/log", body: try encoded(Body(level: level, message: message, fields: fields)), idempotent: false)
        return try await _client.value(request, timeout: timeout)
    }

    /// Returns a message that was taken
    public func getLog(id: String, minLevel: Level? = nil, timeout: TimeInterval? = nil) async throws -> Entry {
        let request = Request(method: "GET", path: "/v1/log/\(segment(id))", query: [("min-level", minLevel?.rawValue)], idempotent: true)
        return try await _client.value(request, timeout: timeout)
    }
}
