// A screen of the stairwell in Compose: a switch for the lamp, and whether the panel is there.
package xmap.stairwell

import androidx.compose.material3.Switch
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import kotlin.concurrent.thread

@Composable
fun Stairs(options: Options) {
    var lit by remember { mutableStateOf(false) }
    var state by remember { mutableStateOf(SessionState.Connecting) }
    val listener = remember {
        object : SessionListener {
            override fun onState(new: SessionState, error: ClientException?) {
                state = new
            }

            override fun onNews(news: News) {
                if (news.kind != "levels") return
                val banks = (news.data as Map<*, *>)["banks"] as List<*>
                lit = (banks[0] as Number).toLong() and (1L shl 17) != 0L
            }
        }
    }
    PanelEffect(options, listener)
    Text("Stairs ($state)")
    Switch(lit, onCheckedChange = { on ->
        thread { if (on) Panel(options).lampOn() else Panel(options).lampOff() }
    })
}
