//! The board's device tree without what the emulator lacks.

use anyhow::{Context as _, Result, anyhow};
use dtoolkit::Node as _;
use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

/// The devices of `/soc` that QEMU's raspi4b has and this kernel can use. The mini UART is not among them: as
/// emulated it loses bytes that it receives, and as a console it hangs.
const KEPT: [&str; 12] = [
    "timer@7e003000",
    "cprman@7e101000",
    "mailbox@7e00b880",
    "gpio@7e200000",
    "serial@7e201000",
    "usb@7e980000",
    "local_intc@40000000",
    "interrupt-controller@40041000",
    "dma@7e007000",
    "watchdog@7e100000",
    "firmware",
    "power",
];

/// Nodes with children that QEMU lacks, all of them.
const BUSES: [&str; 2] = ["scb", "emmc2bus"];

/// Nodes of the root that stand for something that QEMU lacks.
const LACKING: [&str; 6] = ["gpu", "thermal-zones", "leds", "wifi-pwrseq", "sd_io_1v8_reg", "sd_vcc_reg"];

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
    for bus in BUSES {
        if let Some(bus) = tree.root.child_mut(bus) {
            bus.children_mut().try_for_each(disable)?;
        }
    }
    let soc = tree.root.child_mut("soc").context("no /soc")?;
    for node in soc.children_mut() {
        if !KEPT.contains(&node.name()) {
            disable(node)?;
        }
    }
    let uart = soc.child_mut("serial@7e201000").context("no UART0")?;
    if let Some(bluetooth) = uart.child_mut("bluetooth") {
        disable(bluetooth)?;
    }
    // On the board this port is the USB-C connector's; here it takes the network card.
    let usb = soc.child_mut("usb@7e980000").context("no USB controller")?;
    usb.remove_property("dr_mode");
    usb.add_property(DeviceTreeProperty::new("dr_mode", "host")?);
    Ok(tree.to_dtb())
}

fn disable(node: &mut DeviceTreeNode) -> Result<()> {
    node.remove_property("status");
    node.add_property(DeviceTreeProperty::new("status", "disabled")?);
    Ok(())
}
