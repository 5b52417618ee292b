fn main() {
    println!("{:#?}\n{:#?}", xtask::trust::count(), xtask::link::run());
}
