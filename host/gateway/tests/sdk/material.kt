// The same of androidx.compose.material3.
package androidx.compose.material3

fun Text(text: String) = check(text.isNotEmpty())

fun Switch(checked: Boolean, onCheckedChange: ((Boolean) -> Unit)?) = check(!checked && onCheckedChange != null)
