package xmap.logging

import com.sun.net.httpserver.HttpServer
import java.math.BigInteger
import java.net.InetSocketAddress
import kotlin.concurrent.thread

fun main() {
    // The server's own thread would keep a program alive that failed.
    try {
        run()
    } catch (error: Throwable) {
        error.printStackTrace()
        kotlin.system.exitProcess(1)
    }
    println("done")
    kotlin.system.exitProcess(0)
}

fun run() {
    val asked = java.util.concurrent.CopyOnWriteArrayList<String>()
    var answer = 202 to "{\"id\":\"a\",\"sequence\":9007199254740993,\"newer\":{\"x\":1}}"
    var waits = 0L
    val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    server.executor = java.util.concurrent.Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
    server.createContext("/") { exchange ->
        val body = exchange.requestBody.readBytes().decodeToString()
        asked.add("${exchange.requestMethod} ${exchange.requestURI} ${exchange.requestHeaders.getFirst("Authorization")} $body")
        Thread.sleep(waits)
        val bytes = answer.second.toByteArray()
        exchange.sendResponseHeaders(answer.first, bytes.size.toLong())
        exchange.responseBody.use { it.write(bytes) }
    }
    server.start()
    val logger = Logger(Options("http://127.0.0.1:${server.address.port}", "t"))

    val receipt = logger.log(level = Level.Info, message = "h\u00e9 \"x\"")
    check(receipt.sequence == BigInteger("9007199254740993")) { receipt.sequence }
    check(asked == listOf("POST /v1/log Bearer t {\"level\":\"info\",\"message\":\"h\u00e9 \\\"x\\\"\"}")) { asked }
    logger.log(Level("fatal"), "m", listOf(LogField("k", null)))
    check(asked.last().endsWith("{\"level\":\"fatal\",\"message\":\"m\",\"fields\":[{\"key\":\"k\",\"value\":null}]}")) { asked.last() }

    answer = 200 to "{\"level\":\"fatal\",\"message\":\"m\",\"more\":[1],\"parent\":{\"level\":\"info\",\"message\":\"p\"}}"
    val entry = logger.getLog("a/b ?", minLevel = Level.Warn)
    check(entry.level == Level("fatal") && entry.parent?.level == Level.Info && entry.`class` == null)
    check(asked.last().startsWith("GET /v1/log/a%2Fb%20%3F?min-level=warn ")) { asked.last() }

    answer = 429 to "{\"code\":\"too_many\",\"detail\":\"slower\",\"retry_after_s\":2}"
    var before = asked.size
    val problem = fails<ApiException> { logger.log(Level.Warn, "") }
    check(problem.status == 429 && problem.problem?.code == ErrorCode.TooMany && problem.problem?.retryAfterS == 2L)
    check(asked.size == before + 1) { "a POST is not repeated" }
    answer = 503 to "<html>"
    before = asked.size
    check(fails<ApiException> { logger.getLog("1") }.problem == null)
    check(asked.size == before + 3) { "a GET is tried three times" }

    waits = 2000
    fails<TimeoutException> { logger.log(Level.Info, "", timeoutMs = 50) }
    val cancel = Cancel()
    thread { Thread.sleep(100); cancel.cancel() }
    fails<CancelledException> { logger.log(Level.Info, "", cancel = cancel) }
    fails<CancelledException> { logger.log(Level.Info, "", cancel = cancel) }
    fails<NetworkException> { Logger(Options("http://127.0.0.1:1")).log(Level.Info, "") }
}
