package xmap.words

fun main(args: Array<String>) {
    val panel = Panel(Options(baseUrl = "http://${args[0]}/v1/devices/sim", token = args[1]))
    for (text in listOf("", "\u00e9 \"x\" \ud83d\ude00\n", "0x00", "17", "x".repeat(240))) check(panel.echo(text) == text) { text }
    fails<ApiException> { panel.echo("x".repeat(241)) }
    for (first in listOf(byteArrayOf(), byteArrayOf(0, 9, 127, -128, -1))) {
        val (then, n, bytes) = panel.turn(first = first, n = 7, then = "\u00e9")
        check(then == "\u00e9" && n == 7L && bytes.contentEquals(first)) { "$then $n ${bytes.toList()}" }
    }
    check(panel.serial().contentEquals(byteArrayOf(0, -1, 127, -128)))
    check(panel.many(200).size == 200)
    check(fails<CutException> { panel.many(300) }.missingBytes == 44L)
    check(panel.half(3.0) == 1.5)
    check(panel.constructor(9, 2) == 7L)
    check(panel.client(byteArrayOf(1, 2), 3, 9, 1) == 7L)
    check(panel.delete(1, 1, 2, 1, 9) == 7L)
    for (of in listOf(Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN, 0.1)) {
        val (back, long) = panel.pair(of)
        check(back.equals(of) && long == java.math.BigInteger("-9007199254740993")) { "$back $long" }
    }
    println("done")
}
