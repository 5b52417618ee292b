// What the client and the example need of androidx.lifecycle, which is no part of this machine: a compiler
// holds the calls against it, and a test plays the platform.
package androidx.lifecycle

interface LifecycleOwner

interface DefaultLifecycleObserver {
    fun onCreate(owner: LifecycleOwner) {}

    fun onDestroy(owner: LifecycleOwner) {}
}
