//! The board's device tree without what the emulator lacks.

use anyhow::{Context as _, Result, anyhow};
use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node as _, Property as _};

/// The devices of `/soc` that QEMU's raspi4b has and this kernel can use. The mini UART is not among them: as
/// emulated it loses bytes that it receives, and as a console it hangs.
const KEPT: [&str; 14] = [
    "timer@7e003000",
    "cprman@7e101000",
    "mailbox@7e00b880",
    "gpio@7e200000",
    "serial@7e201000",
    I2C,
    SPI,
    USB,
    "local_intc@40000000",
    "interrupt-controller@40041000",
    "dma@7e007000",
    "watchdog@7e100000",
    "firmware",
    "power",
];

/// The buses to which a test attaches chips: bus 1 of I2C, bus 0 of SPI.
const I2C: &str = "i2c@7e804000";
const SPI: &str = "spi@7e204000";
/// The controller whose port the network card is at.
const USB: &str = "usb@7e980000";

/// Bytes of an interrupt in a device tree with this controller of interrupts: kind, number, flags.
const INTERRUPT_BYTES: usize = 12;

/// Nodes with children that QEMU lacks, all of them.
const BUSES: [&str; 2] = ["scb", "emmc2bus"];

/// Nodes of the root that stand for something that QEMU lacks.
const LACKING: [&str; 5] = ["gpu", "leds", "wifi-pwrseq", "sd_io_1v8_reg", "sd_vcc_reg"];

/// Disables what the emulator lacks in a device tree of the Pi 4B.
///
/// # Errors
///
/// It is none, or one without the nodes that are needed.
pub(super) fn for_the_emulator(dtb: &[u8]) -> Result<Vec<u8>> {
    let fdt = Fdt::new(dtb).map_err(|error| anyhow!("not a device tree: {error}"))?;
    let mut tree = DeviceTree::from_fdt(&fdt);
    for name in LACKING {
        if let Some(node) = tree.root.child_mut(name) {
            disable(node)?;
        }
    }
    // Drivers of thermometers look here for their own even where this is disabled, and fail where the chip's
    // own, which QEMU takes away, is not found.
    tree.root.remove_child("thermal-zones").context("no /thermal-zones")?;
    for bus in BUSES {
        if let Some(bus) = tree.root.child_mut(bus) {
            bus.children_mut().try_for_each(disable)?;
        }
    }
    // Programs know the bus by its number on the board; without this the kernel counts from 0.
    let aliases = tree.root.child_mut("aliases").context("no /aliases")?;
    aliases.remove_property("i2c1");
    aliases.add_property(DeviceTreeProperty::new("i2c1", format!("/soc/{I2C}"))?);
    let soc = tree.root.child_mut("soc").context("no /soc")?;
    for node in soc.children_mut() {
        if !KEPT.contains(&node.name()) {
            disable(node)?;
        }
    }
    for bus in [I2C, SPI] {
        let bus = soc.child_mut(bus).with_context(|| format!("no {bus}"))?;
        bus.remove_property("status");
        bus.add_property(DeviceTreeProperty::new("status", "okay")?);
    }
    // QEMU does not bring this bus's interrupt to the controller. The kernel's driver shares its line with
    // others, and looks each time whether it was its own: it gets that of USB, which comes each millisecond.
    let usb = soc.child_mut(USB).context("no USB controller")?;
    let lines = &*usb.property_mut("interrupts").context("USB without an interrupt")?;
    let line = lines.value().get(..INTERRUPT_BYTES).context("USB without an interrupt")?.to_vec();
    let i2c = soc.child_mut(I2C).context("no I2C bus")?;
    i2c.remove_property("interrupts");
    i2c.add_property(DeviceTreeProperty::new("interrupts", &line[..])?);
    // As the overlay of `dtparam=spi=on` has them: both selections are programs' own.
    let spi = soc.child_mut(SPI).context("no SPI bus")?;
    for select in 0..2u32 {
        spi.remove_child(&format!("spidev@{select}"));
        let device = DeviceTreeNode::builder(format!("spidev@{select}"))?
            // The kernel's driver takes no node that says `spidev`: that names no chip.
            .property(DeviceTreeProperty::new("compatible", "micron,spi-authenta")?)
            .property(DeviceTreeProperty::new("reg", select)?)
            .property(DeviceTreeProperty::new("spi-max-frequency", 125_000_000u32)?)
            .build();
        spi.add_child(device);
    }
    let uart = soc.child_mut("serial@7e201000").context("no UART0")?;
    if let Some(bluetooth) = uart.child_mut("bluetooth") {
        disable(bluetooth)?;
    }
    // On the board this port is the USB-C connector's; here it takes the network card.
    let usb = soc.child_mut(USB).context("no USB controller")?;
    usb.remove_property("dr_mode");
    usb.add_property(DeviceTreeProperty::new("dr_mode", "host")?);
    Ok(tree.to_dtb())
}

/// Returns the names of the chip's devices in a device tree: `i2c@7e804000`.
///
/// # Errors
///
/// It is none.
pub(super) fn devices(dtb: &[u8]) -> Result<Vec<String>> {
    let fdt = Fdt::new(dtb).map_err(|error| anyhow!("not a device tree: {error}"))?;
    let mut tree = DeviceTree::from_fdt(&fdt);
    let soc = tree.root.child_mut("soc").context("no /soc")?;
    Ok(soc.children_mut().map(|node| node.name().to_owned()).collect())
}

fn disable(node: &mut DeviceTreeNode) -> Result<()> {
    node.remove_property("status");
    node.add_property(DeviceTreeProperty::new("status", "disabled")?);
    Ok(())
}
