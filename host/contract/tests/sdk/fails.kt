package xmap.PANEL

inline fun <reified E : Throwable> fails(call: () -> Unit): E {
    try {
        call()
    } catch (error: Throwable) {
        return error as? E ?: throw error
    }
    throw AssertionError("it does not fail")
}
