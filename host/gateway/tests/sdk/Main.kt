package xmap.stairwell

import androidx.compose.runtime.Composition
import androidx.lifecycle.LifecycleOwner
import java.net.HttpURLConnection
import java.net.URI
import java.util.concurrent.CopyOnWriteArrayList

fun main(args: Array<String>) {
    val options = Options(baseUrl = "http://${args[0]}/v1/devices/sim", token = args[1])

    fun inUse(): Int {
        val connection = URI(options.baseUrl!!).toURL().openConnection() as HttpURLConnection
        connection.setRequestProperty("Authorization", "Bearer ${options.token}")
        val text = connection.inputStream.use { it.readBytes().decodeToString() }
        return Json.list(Json.map(Json.read(text))["uses"]).size
    }

    fun until(what: String, condition: () -> Boolean) {
        repeat(1200) {
            if (condition()) return
            Thread.sleep(50)
        }
        error("not in time: $what")
    }

    val states = CopyOnWriteArrayList<SessionState>()
    val kinds = CopyOnWriteArrayList<String>()
    val listener = object : SessionListener {
        override fun onState(state: SessionState, error: ClientException?) {
            states.add(state)
        }

        override fun onNews(news: News) {
            kinds.add(news.kind)
        }
    }
    val owner = object : LifecycleOwner {}
    check(inUse() == 0)
    val observer = PanelObserver(options, listener)
    observer.onCreate(owner)
    until("held") { inUse() == USES.size }
    Panel(options).lampOn()
    check(Panel(options).floorLight(2, true))
    until("levels") { "device" in kinds && "levels" in kinds }
    observer.onDestroy(owner)
    until("given back") { inUse() == 0 }
    check(SessionState.Open in states) { "$states" }

    val composition = Composition { Stairs(options) }
    until("held by the screen") { inUse() == USES.size }
    composition.dispose()
    until("given back by the screen") { inUse() == 0 }

    val refused = PanelObserver(options.copy(token = "none"), listener)
    refused.onCreate(owner)
    until("refused") { SessionState.Refused in states }
    refused.onDestroy(owner)

    states.clear()
    val nowhere = PanelObserver(options.copy(baseUrl = "http://no address"), listener)
    nowhere.onCreate(owner)
    until("an address that is none is refused") { SessionState.Refused in states }
    nowhere.onDestroy(owner)
    println("done")
    kotlin.system.exitProcess(0)
}
