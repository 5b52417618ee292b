import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// How a client reaches its server.
public struct Options: Sendable {
    /// Where the server is; what the document says unless set.
    public var baseURL: String?
    /// Sent as `Authorization: Bearer TOKEN`.
    public var token: String?
    /// Seconds that one attempt may take.
    public var timeout: TimeInterval
    /// How often a call that may be repeated is tried again.
    public var retries: Int
    /// What sends requests.
    public var session: URLSession

    public init(
        baseURL: String? = nil, token: String? = nil, timeout: TimeInterval = 10, retries: Int = 2,
        session: URLSession = .shared
    ) {
        self.baseURL = baseURL
        self.token = token
        self.timeout = timeout
        self.retries = retries
        self.session = session
    }
}

/// Why a call gave nothing. A call whose task is cancelled throws `CancellationError`.
public enum ClientError: Error {
    /// The server answered with an error; the body is what it said of it.
    case api(status: Int, body: Data)
    /// The call ran and trapped: it did not return.
    case trapped(body: Data)
    /// The call ran, and so many bytes of its results did not fit the device's answer.
    case cut(missingBytes: Int)
    /// No answer came in time. Whether the call was done is not known.
    case timeout
    /// The server cannot be reached.
    case network(Error)
    /// The answer cannot be read.
    case answer(Error)

    /// The body of an error, where the server answered with one that can be read.
    public func body<Body: Decodable>(_ type: Body.Type) -> Body? {
        guard case .api(_, let body) = self else { return nil }
        return try? JSONDecoder().decode(type, from: body)
    }

    var isTransient: Bool {
        switch self {
        case .timeout, .network: return true
        case .api(let status, _): return [429, 502, 503, 504].contains(status)
        default: return false
        }
    }
}

struct Request {
    var method: String
    var path: String
    var query: [(String, String?)] = []
    var body: Data?
    /// Whether it may be repeated.
    var idempotent: Bool
}

struct Client: Sendable {
    let options: Options
    let base: String

    init(options: Options, base: String) {
        self.options = options
        self.base = options.baseURL ?? base
    }

    /// Sends a request; one that may be repeated is tried again where the server is away or busy.
    func call(_ request: Request, timeout: TimeInterval?) async throws -> Data {
        let attempts = request.idempotent ? 1 + options.retries : 1
        var attempt = 1
        while true {
            do {
                return try await once(request, timeout: timeout ?? options.timeout)
            } catch let error as ClientError where attempt < attempts && error.isTransient {
                try await Task.sleep(nanoseconds: 100_000_000 << UInt64(attempt - 1))
                attempt += 1
            }
        }
    }

    /// Sends a request and reads its answer.
    func value<Value: Decodable>(_ request: Request, timeout: TimeInterval?) async throws -> Value {
        let data = try await call(request, timeout: timeout)
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw ClientError.answer(error)
        }
    }

    /// Calls an export of a panel: its results, or its trap as an error.
    func panel(_ request: Request, timeout: TimeInterval?) async throws -> [PanelValue] {
        let data = try await call(request, timeout: timeout)
        do {
            let answer = try JSONDecoder().decode(PanelAnswer.self, from: data)
            if let missing = answer.missingBytes { throw ClientError.cut(missingBytes: missing) }
            if let results = answer.results { return results }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError.answer(error)
        }
        throw ClientError.trapped(body: data)
    }

    private func once(_ request: Request, timeout: TimeInterval) async throws -> Data {
        let pairs = request.query.compactMap { pair in pair.1.map { "\(segment(pair.0))=\(segment($0))" } }
        let query = pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
        guard let url = URL(string: base + request.path + query) else { throw ClientError.network(URLError(.badURL)) }
        var sent = URLRequest(url: url, timeoutInterval: timeout)
        sent.httpMethod = request.method
        sent.httpBody = request.body
        sent.setValue("application/json", forHTTPHeaderField: "Accept")
        if request.body != nil { sent.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        if let token = options.token { sent.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        do {
            let (data, response) = try await options.session.data(for: sent)
            let status = (response as? HTTPURLResponse)?.statusCode ?? 0
            guard (200...299).contains(status) else { throw ClientError.api(status: status, body: data) }
            return data
        } catch let error as ClientError {
            throw error
        } catch let error as URLError where error.code == .timedOut {
            throw ClientError.timeout
        } catch let error as URLError where error.code == .cancelled {
            throw CancellationError()
        } catch {
            try Task.checkCancellation()
            throw ClientError.network(error)
        }
    }
}

struct PanelAnswer: Decodable {
    let results: [PanelValue]?
    let missingBytes: Int?

    enum CodingKeys: String, CodingKey {
        case results
        case missingBytes = "missing_bytes"
    }
}

/// A result of a panel.
public enum PanelValue: Decodable, Sendable {
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    case float(Double)
    case text(String)

    public init(from decoder: Decoder) throws {
        let one = try decoder.singleValueContainer()
        if let value = try? one.decode(Bool.self) { self = .bool(value) }
        else if let value = try? one.decode(Int64.self) { self = .integer(value) }
        else if let value = try? one.decode(UInt64.self) { self = .unsigned(value) }
        else if let value = try? one.decode(Double.self) { self = .float(value) }
        else { self = .text(try one.decode(String.self)) }
    }

    func bool() throws -> Bool {
        guard case .bool(let value) = self else { throw mismatch }
        return value
    }

    func int() throws -> Int {
        guard case .integer(let value) = self else { throw mismatch }
        return Int(value)
    }

    func long() throws -> Decimal {
        switch self {
        case .integer(let value): return Decimal(value)
        case .unsigned(let value): return Decimal(value)
        default: throw mismatch
        }
    }

    func float() throws -> Double {
        switch self {
        case .float(let value): return value
        case .integer(let value): return Double(value)
        case .text(let value): return Double(value) ?? .nan
        default: throw mismatch
        }
    }

    func text() throws -> String {
        guard case .text(let value) = self else { throw mismatch }
        return value
    }

    func bytes() throws -> Data {
        guard case .text(let value) = self, value.hasPrefix("0x"), value.utf8.count % 2 == 0 else { throw mismatch }
        var data = Data()
        var rest = value.dropFirst(2)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { throw mismatch }
            data.append(byte)
            rest = rest.dropFirst(2)
        }
        return data
    }

    private var mismatch: ClientError { .answer(URLError(.cannotParseResponse)) }
}

/// A body as JSON; what JSON has no number for is text.
func encoded<Body: Encodable>(_ body: Body) throws -> Data {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "NaN")
    return try encoder.encode(body)
}

/// Bytes as a panel takes them: 0x and two digits each.
func digits(_ value: Data) -> String {
    value.reduce("0x") { $0 + String(format: "%02x", $1) }
}

/// A value of a path or a query.
func segment(_ value: String) -> String {
    let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return value.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
}
