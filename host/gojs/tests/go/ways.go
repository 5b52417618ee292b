// SPDX-License-Identifier: MIT OR Apache-2.0

// A program that ends, writes and waits in the way that its first argument names.
package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall/js"
	"time"
)

func depth(n int) int {
	if n == 0 {
		return 0
	}
	var room [64]byte
	room[n%64] = 1
	return depth(n-1) + int(room[n%64])
}

// reenter calls from Go to JavaScript and back, and grows Go's stack on the way.
func reenter(levels int) int {
	if levels == 0 {
		return depth(20000) - 20000
	}
	f := js.FuncOf(func(this js.Value, args []js.Value) any { return args[0].Int() + reenter(levels-1) })
	defer f.Release()
	return f.Invoke(levels).Int()
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func files(folder string) {
	file := filepath.Join(folder, "a.txt")
	check(os.WriteFile(file, []byte("first\n"), 0o644))
	handle, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	_, err = handle.WriteString("second\n")
	check(err)
	check(handle.Close())
	text, err := os.ReadFile(file)
	check(err)
	fmt.Printf("%q\n", text)
	check(os.Mkdir(filepath.Join(folder, "inner"), 0o755))
	check(os.Symlink("../a.txt", filepath.Join(folder, "inner/link")))
	text, err = os.ReadFile(filepath.Join(folder, "inner/link"))
	check(err)
	check(os.Truncate(file, 3))
	stat, err := os.Stat(file)
	check(err)
	entries, err := os.ReadDir(folder)
	check(err)
	fmt.Println(len(text), stat.Size(), stat.Mode(), len(entries), entries[1].IsDir())
	check(os.Chtimes(file, time.Unix(1000, 0), time.Unix(2000, 0)))
	stat, err = os.Stat(file)
	check(err)
	fmt.Println(stat.ModTime().Unix())
	check(os.Rename(file, filepath.Join(folder, "b.txt")))
	_, err = os.Stat(file)
	fmt.Println(os.IsNotExist(err))
	check(os.RemoveAll(filepath.Join(folder, "inner")))
	_, err = os.Open("/etc/passwd")
	fmt.Println(os.IsPermission(err))
	check(os.Symlink("/etc/passwd", filepath.Join(folder, "out")))
	_, err = os.Open(filepath.Join(folder, "out"))
	fmt.Println(os.IsPermission(err))
	check(os.Chdir(folder))
	_, err = os.Stat("b.txt")
	check(err)
}

func main() {
	way := "hello"
	if len(os.Args) > 1 {
		way = os.Args[1]
	}
	switch way {
	case "hello":
		fmt.Println("hello", os.Args[1:], os.Getenv("NAME"))
		fmt.Fprintln(os.Stderr, "to the other side")
		fmt.Print("no line feed")
	case "exit":
		fmt.Print("before")
		defer fmt.Print("never")
		os.Exit(7)
	case "panic":
		panic("no way")
	case "deadlock":
		<-make(chan int)
	case "sleep":
		ticker := time.NewTicker(30 * time.Millisecond)
		for range 3 {
			<-ticker.C
		}
		start := time.Now()
		time.Sleep(100 * time.Millisecond)
		fmt.Println(time.Since(start) >= 100*time.Millisecond)
	case "seeded":
		bytes := make([]byte, 8)
		rand.Read(bytes)
		time.Sleep(1500 * time.Millisecond)
		now := time.Now().UTC()
		fmt.Println(bytes, now.Format(time.RFC3339), js.Global().Get("Math").Call("random").Float())
	case "values":
		object := js.Global().Get("Object").New()
		object.Set("n", 1<<40)
		object.Set("text", "a\u1234\U0001F600")
		object.Set("list", []any{1, nil, true, "x", map[string]any{"y": 2.5}})
		fmt.Println(js.Global().Get("JSON").Call("stringify", object).String())
		fmt.Println(object.Get("n").Int(), object.Get("none").IsUndefined(), object.Get("list").Length())
		object.Delete("n")
		fmt.Println(object.Get("n").Type(), object.InstanceOf(js.Global().Get("Object")))
		func() {
			defer func() { fmt.Println("recovered:", recover().(js.Error).Get("name")) }()
			js.Global().Call("eval", "null.x")
		}()
		func() {
			defer func() { fmt.Println("recovered:", recover().(js.Error).Get("name")) }()
			js.Global().Call("eval", "throw new RangeError('far')")
		}()
		array := js.Global().Get("Uint8Array").New(4)
		fmt.Println(js.CopyBytesToJS(array, []byte{1, 2, 3}), array.Index(2).Int())
		copied := make([]byte, 2)
		fmt.Println(js.CopyBytesToGo(copied, array), bytes.Equal(copied, []byte{1, 2}))
		before := js.Global().Get("Array").New()
		for i := range 2000 {
			before.Call("push", strings.Repeat("x", i%7))
			if i%500 == 0 {
				runtime.GC()
			}
		}
		fmt.Println(before.Length())
	case "reenter":
		fmt.Println(reenter(50))
	case "deep":
		fmt.Println(depth(200000))
	case "unfit":
		fmt.Println(os.WriteFile("x", nil, 0o600))
	case "files":
		files(os.Args[2])
		fmt.Print("all")
	}
}
