// The same of androidx.compose.runtime.
package androidx.compose.runtime

import kotlin.reflect.KProperty

@Target(AnnotationTarget.FUNCTION, AnnotationTarget.TYPE)
annotation class Composable

interface DisposableEffectResult {
    fun dispose()
}

class DisposableEffectScope {
    fun onDispose(effect: () -> Unit): DisposableEffectResult = object : DisposableEffectResult {
        override fun dispose() = effect()
    }
}

/** What a platform composes once and disposes of. */
class Composition(content: () -> Unit) {
    private val effects = ArrayList<DisposableEffectResult>()

    init {
        now = this
        content()
    }

    fun add(effect: DisposableEffectResult) = effects.add(effect)

    fun dispose() = effects.forEach { it.dispose() }

    companion object {
        lateinit var now: Composition
    }
}

fun DisposableEffect(key1: Any?, effect: DisposableEffectScope.() -> DisposableEffectResult) {
    Composition.now.add(DisposableEffectScope().effect())
}

class MutableState<T>(@Volatile var value: T)

fun <T> mutableStateOf(value: T): MutableState<T> = MutableState(value)

fun <T> remember(calculation: () -> T): T = calculation()

operator fun <T> MutableState<T>.getValue(thisObj: Any?, property: KProperty<*>): T = value

operator fun <T> MutableState<T>.setValue(thisObj: Any?, property: KProperty<*>, value: T) {
    this.value = value
}
