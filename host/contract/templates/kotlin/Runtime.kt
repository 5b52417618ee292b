import java.io.IOException
import java.math.BigDecimal
import java.math.BigInteger
import java.net.HttpURLConnection
import java.net.SocketTimeoutException
import java.net.URI
import java.net.URLEncoder
import java.util.concurrent.atomic.AtomicReference

/** How a client reaches its server. Calls block: make them on a thread that may wait. */
data class Options(
    /** Where the server is, without a slash at the end; what the document says unless set. */
    val baseUrl: String? = null,
    /** Sent as `Authorization: Bearer TOKEN`. */
    val token: String? = null,
    /** Milliseconds that one attempt may take. */
    val timeoutMs: Int = 10_000,
    /** How often a call that may be repeated is tried again. */
    val retries: Int = 2,
)

/** Cancels the calls that it was given to. */
class Cancel {
    @Volatile
    var isCancelled: Boolean = false
        private set
    private val open = AtomicReference<HttpURLConnection?>()

    /** Ends a call that waits, and every later one. */
    fun cancel() {
        isCancelled = true
        open.get()?.disconnect()
    }

    internal fun begin(connection: HttpURLConnection) {
        open.set(connection)
        if (isCancelled) throw CancelledException()
    }

    internal fun end() = open.set(null)
}

/** Why a call gave nothing. */
sealed class ClientException(message: String, cause: Throwable? = null) : Exception(message, cause)

/** The server answered with an error; [body] is its JSON, where that could be read. */
class ApiException(val status: Int, val body: Any?) : ClientException("the server answered $status")

/** The call ran and trapped: it did not return. */
class TrapException(val trap: Any?) : ClientException("the call trapped")

/** The call ran, and so many bytes of its results did not fit the device's answer. */
class CutException(val missingBytes: Long) :
    ClientException("$missingBytes bytes of the results did not fit the answer")

/** No answer came in time. Whether the call was done is not known. */
class TimeoutException(ms: Int) : ClientException("no answer within $ms ms")

/** The caller cancelled the call. */
class CancelledException : ClientException("the call was cancelled")

/** The server cannot be reached, or its answer cannot be read. */
class NetworkException(message: String, cause: Throwable? = null) : ClientException(message, cause)

internal class Request(
    val method: String,
    val path: String,
    val query: List<Pair<String, Any?>> = emptyList(),
    val hasBody: Boolean = false,
    val body: Any? = null,
    val idempotent: Boolean,
)

internal class Client(private val options: Options, base: String) {
    private val base = (options.baseUrl ?: base).trimEnd('/')

    /** Sends a request; one that may be repeated is tried again where the server is away or busy. */
    fun call(request: Request, timeoutMs: Int?, cancel: Cancel?): Any? {
        val attempts = if (request.idempotent) 1 + options.retries else 1
        var attempt = 1
        while (true) {
            try {
                return once(request, timeoutMs ?: options.timeoutMs, cancel)
            } catch (error: ClientException) {
                val transient = error is NetworkException || error is TimeoutException ||
                    (error is ApiException && error.status in listOf(429, 502, 503, 504))
                if (attempt >= attempts || !transient) throw error
                Thread.sleep(100L shl (attempt - 1))
                attempt++
            }
        }
    }

    /** Calls an export of a panel: its results, or its trap as an error. */
    fun panel(request: Request, timeoutMs: Int?, cancel: Cancel?): List<Any?> {
        val answer = call(request, timeoutMs, cancel) as? Map<*, *> ?: throw NetworkException("the answer is no object")
        val results = answer["results"] as? List<Any?> ?: throw TrapException(answer["trap"])
        answer["missing_bytes"]?.let { throw CutException(Json.int(it)) }
        return results
    }

    private fun once(request: Request, timeoutMs: Int, cancel: Cancel?): Any? {
        val query = request.query.filter { it.second != null }
            .joinToString("&") { "${segment(it.first)}=${segment(it.second)}" }
        val url = base + request.path + (if (query.isEmpty()) "" else "?$query")
        val connection = connection(url)
        try {
            cancel?.begin(connection)
            connection.requestMethod = request.method
            connection.connectTimeout = timeoutMs
            connection.readTimeout = timeoutMs
            connection.setRequestProperty("Accept", "application/json")
            options.token?.let { connection.setRequestProperty("Authorization", "Bearer $it") }
            if (request.hasBody) {
                connection.doOutput = true
                connection.setRequestProperty("Content-Type", "application/json")
                connection.outputStream.use { it.write(Json.write(request.body).toByteArray()) }
            }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.use { it.readBytes().decodeToString() }.orEmpty()
            if (status !in 200..299) throw ApiException(status, runCatching { Json.read(text) }.getOrNull())
            return if (text.isEmpty()) null else Json.read(text)
        } catch (error: IOException) {
            if (cancel?.isCancelled == true) throw CancelledException()
            if (error is SocketTimeoutException) throw TimeoutException(timeoutMs)
            throw NetworkException("the server cannot be reached", error)
        } catch (error: IllegalArgumentException) {
            throw NetworkException("the answer cannot be read", error)
        } finally {
            cancel?.end()
            connection.disconnect()
        }
    }
}

/** A connection to an address that is not opened yet. */
internal fun connection(url: String): HttpURLConnection = try {
    URI(url).toURL().openConnection() as HttpURLConnection
} catch (error: Exception) {
    throw NetworkException("$url is no address", error)
}

/** A value of a path or a query. */
internal fun segment(value: Any?): String = URLEncoder.encode(value.toString(), "UTF-8").replace("+", "%20")

/** JSON as maps, lists, texts, numbers, booleans and null. Whole numbers keep all of their digits. */
internal object Json {
    fun read(text: String): Any? {
        val reader = Reader(text)
        val value = reader.value(0)
        reader.end()
        return value
    }

    fun write(value: Any?): String = StringBuilder().also { write(value, it) }.toString()

    private fun write(value: Any?, to: StringBuilder) {
        when (value) {
            null -> to.append("null")
            is String -> text(value, to)
            is Map<*, *> -> {
                to.append('{')
                value.entries.forEachIndexed { n, (key, of) ->
                    if (n > 0) to.append(',')
                    text(key.toString(), to)
                    to.append(':')
                    write(of, to)
                }
                to.append('}')
            }
            is List<*> -> {
                to.append('[')
                value.forEachIndexed { n, of ->
                    if (n > 0) to.append(',')
                    write(of, to)
                }
                to.append(']')
            }
            // What JSON has no number for is text.
            is Double -> if (value.isFinite()) to.append(value) else text(value.toString().replace("Infinity", "inf"), to)
            else -> to.append(value)
        }
    }

    private fun text(value: String, to: StringBuilder) {
        to.append('"')
        for (c in value) {
            when {
                c == '"' || c == '\\' -> to.append('\\').append(c)
                c < ' ' -> to.append("\\u%04x".format(c.code))
                else -> to.append(c)
            }
        }
        to.append('"')
    }

    private class Reader(private val text: String) {
        private var at = 0

        private fun fail(): Nothing = throw IllegalArgumentException("no JSON at $at")

        private fun space() {
            while (at < text.length && text[at] in " \t\r\n") at++
        }

        fun end() {
            space()
            if (at < text.length) fail()
        }

        private fun take(c: Char): Boolean {
            space()
            if (at < text.length && text[at] == c) {
                at++
                return true
            }
            return false
        }

        fun value(depth: Int): Any? {
            if (depth > 200) fail()
            space()
            val c = text.getOrNull(at) ?: fail()
            return when {
                c == '{' -> {
                    at++
                    val map = LinkedHashMap<String, Any?>()
                    if (!take('}')) {
                        do {
                            space()
                            val key = string()
                            if (!take(':')) fail()
                            map[key] = value(depth + 1)
                        } while (take(','))
                        if (!take('}')) fail()
                    }
                    map
                }
                c == '[' -> {
                    at++
                    val list = ArrayList<Any?>()
                    if (!take(']')) {
                        do list.add(value(depth + 1)) while (take(','))
                        if (!take(']')) fail()
                    }
                    list
                }
                c == '"' -> string()
                text.startsWith("true", at) -> true.also { at += 4 }
                text.startsWith("false", at) -> false.also { at += 5 }
                text.startsWith("null", at) -> null.also { at += 4 }
                else -> number()
            }
        }

        private fun number(): Number {
            val from = at
            while (at < text.length && (text[at].isDigit() || text[at] in "+-.eE")) at++
            val digits = text.substring(from, at)
            return if (digits.any { it in ".eE" }) BigDecimal(digits).toDouble() else BigInteger(digits)
        }

        private fun string(): String {
            if (text.getOrNull(at) != '"') fail()
            at++
            val out = StringBuilder()
            while (true) {
                val c = text.getOrNull(at++) ?: fail()
                when (c) {
                    '"' -> return out.toString()
                    '\\' -> when (val escape = text.getOrNull(at++) ?: fail()) {
                        'n' -> out.append('\n')
                        't' -> out.append('\t')
                        'r' -> out.append('\r')
                        'b' -> out.append('\b')
                        'f' -> out.append('\u000c')
                        'u' -> {
                            if (at + 4 > text.length) fail()
                            out.append(text.substring(at, at + 4).toInt(16).toChar())
                            at += 4
                        }
                        '"', '\\', '/' -> out.append(escape)
                        else -> fail()
                    }
                    else -> out.append(c)
                }
            }
        }
    }

    fun bool(value: Any?): Boolean = value as? Boolean ?: mismatch("a boolean", value)
    fun int(value: Any?): Long = (value as? BigInteger)?.toLong() ?: mismatch("a whole number", value)
    fun long(value: Any?): BigInteger = value as? BigInteger ?: (value as? String)?.toBigIntegerOrNull() ?: mismatch("a whole number", value)
    fun float(value: Any?): Double = when (value) {
        is Number -> value.toDouble()
        "inf" -> Double.POSITIVE_INFINITY
        "-inf" -> Double.NEGATIVE_INFINITY
        "NaN" -> Double.NaN
        else -> mismatch("a number", value)
    }
    fun text(value: Any?): String = value as? String ?: mismatch("a text", value)
    fun list(value: Any?): List<Any?> = value as? List<Any?> ?: mismatch("a list", value)
    fun map(value: Any?): Map<*, *> = value as? Map<*, *> ?: mismatch("an object", value)

    /** The bytes of 0x and two digits each. */
    fun bytes(value: Any?): ByteArray {
        val digits = (value as? String)?.takeIf { it.startsWith("0x") && it.length % 2 == 0 } ?: mismatch("bytes", value)
        return ByteArray(digits.length / 2 - 1) { n ->
            digits.substring(2 * n + 2, 2 * n + 4).toIntOrNull(16)?.toByte() ?: mismatch("bytes", value)
        }
    }

    /** Bytes as a panel takes them: 0x and two digits each. */
    fun digits(value: ByteArray): String = value.joinToString("", "0x") { "%02x".format(it) }

    private fun mismatch(what: String, value: Any?): Nothing =
        throw NetworkException("the answer has ${if (value == null) "nothing" else "something else"} in the place of $what")
}
