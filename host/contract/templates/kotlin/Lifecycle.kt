import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.lifecycle.DefaultLifecycleObserver
import androidx.lifecycle.LifecycleOwner

/**
 * Connects in `onCreate` and gives everything back in `onDestroy`:
 * `lifecycle.addObserver(PanelObserver(options, this))`. The listener is called on the session's thread.
 */
class PanelObserver(private val options: Options, private val listener: SessionListener) : DefaultLifecycleObserver {
    private var session: Session? = null

    override fun onCreate(owner: LifecycleOwner) {
        session = connect(options, listener)
    }

    override fun onDestroy(owner: LifecycleOwner) {
        session?.close()
        session = null
    }
}

/** Connects while it is part of the composition, and anew where the options are other ones. */
@Composable
fun PanelEffect(options: Options, listener: SessionListener) {
    DisposableEffect(options) {
        val session = connect(options, listener)
        onDispose { session.close() }
    }
}
