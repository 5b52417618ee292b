import java.io.IOException
import java.net.HttpURLConnection
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference

/** What happened to the device: `device` (everything that is known) first, then `levels`, `event`, ... */
class News(val kind: String, val data: Any?)

/** [Connecting] also where a connection was lost; [Refused] where another try would be refused, too. */
enum class SessionState { Connecting, Open, Refused }

/** What a session calls, on its own thread; nothing is called after it was closed. */
interface SessionListener {
    fun onNews(news: News) {}

    fun onState(state: SessionState, error: ClientException?) {}
}

/** A connection to a panel: while it is open, the device holds the exports that this client was made for. */
class Session internal constructor(
    private val options: Options,
    private val url: String,
    private val listener: SessionListener,
) : AutoCloseable {
    private val closed = CountDownLatch(1)
    private val open = AtomicReference<HttpURLConnection?>()
    private val thread = Thread({ run() }, "xmap session").apply {
        isDaemon = true
        start()
    }

    /** Ends it: the device gives back what it held for this client. Never waits. */
    override fun close() {
        closed.countDown()
        // The thread may be reading; closing a connection is no work for a thread of a screen.
        Thread { open.get()?.disconnect() }.start()
    }

    /** Waits until the session is over. */
    fun join(ms: Long = 0) = thread.join(ms)

    private val isClosed: Boolean get() = closed.count == 0L

    private fun to(state: SessionState, error: ClientException? = null) {
        if (!isClosed) listener.onState(state, error)
    }

    private fun run() {
        try {
            connection(url)
        } catch (error: NetworkException) {
            // An address that is none stays none.
            return to(SessionState.Refused, error)
        }
        var rest = FIRST_REST_MS
        while (!isClosed) {
            to(SessionState.Connecting)
            try {
                stream { rest = FIRST_REST_MS }
            } catch (error: ApiException) {
                if (error.status < 500 && error.status != 429) return to(SessionState.Refused, error)
            } catch (error: IOException) {
                // It is tried again.
            } catch (error: IllegalArgumentException) {
                // What cannot be read is as good as a connection that broke.
            }
            closed.await(rest, TimeUnit.MILLISECONDS)
            rest = minOf(rest * 2, LONGEST_REST_MS)
        }
    }

    private fun stream(opened: () -> Unit) {
        val connection = connection(url)
        open.set(connection)
        try {
            if (isClosed) return
            connection.connectTimeout = options.timeoutMs
            connection.readTimeout = SILENCE_MS
            connection.setRequestProperty("Accept", "text/event-stream")
            options.token?.let { connection.setRequestProperty("Authorization", "Bearer $it") }
            val status = connection.responseCode
            if (status != 200) {
                val text = connection.errorStream?.use { it.readBytes().decodeToString() }.orEmpty()
                throw ApiException(status, runCatching { Json.read(text) }.getOrNull())
            }
            opened()
            to(SessionState.Open)
            var kind = ""
            connection.inputStream.bufferedReader().use { reader ->
                while (!isClosed) {
                    val line = reader.readLine() ?: return
                    if (line.startsWith("event: ")) kind = line.substring(7)
                    if (line.startsWith("data: ")) news(kind, Json.read(line.substring(6)))
                }
            }
        } finally {
            open.set(null)
            connection.disconnect()
        }
    }

    private fun news(kind: String, value: Any?) {
        val data = if (kind == "device" || kind == "lost") value else (value as? Map<*, *>)?.get("data")
        if (!isClosed) listener.onNews(News(kind, data))
    }

    private companion object {
        const val FIRST_REST_MS = 200L
        const val LONGEST_REST_MS = 15_000L

        /** The server sends something every 10 s. */
        const val SILENCE_MS = 30_000
    }
}
