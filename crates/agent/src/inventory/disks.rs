//! Disks an operating system could be installed on.

use super::attachment;
use crate::host::Host;
use types::inventory::Disk;

/// Block devices that are no disks: in memory, on other devices, or read only by nature.
const OTHER_DEVICES: [&str; 9] = ["loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtd"];

/// All disks, in the order of their names, that are built in and have a size.
pub fn read(host: &Host) -> Vec<Disk> {
    let is_removable = |disk: &Disk| host.number(&format!("sys/block/{}/removable", disk.name)) == Some(1);
    read_all(host).into_iter().filter(|disk| !is_removable(disk)).collect()
}

/// The same, and those that can be pulled out.
pub(crate) fn read_all(host: &Host) -> Vec<Disk> {
    let names = host.names("sys/block").into_iter();
    names.filter(|name| is_disk(host, name)).filter_map(|name| disk(host, name)).collect()
}

fn is_disk(host: &Host, name: &str) -> bool {
    let kind = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let is_boot_area = name.starts_with("mmcblk") && name.contains("boot");
    !OTHER_DEVICES.contains(&kind) && !is_boot_area && host.number(&format!("sys/block/{name}/hidden")) != Some(1)
}

fn disk(host: &Host, name: String) -> Option<Disk> {
    let text = |file: &str| host.text(&format!("sys/block/{name}/{file}"));
    // The kernel counts in sectors of 512 bytes here, whatever the disk's sectors are.
    let size_bytes = text("size")?.parse::<u64>().ok()?.checked_mul(512).filter(|size| *size > 0)?;
    let place = attachment::place(host, &name);
    Some(Disk {
        size_bytes,
        model: text("device/model"),
        serial: text("serial").or_else(|| text("device/serial")).or_else(|| unit_serial(host, &name)),
        wwid: text("wwid").or_else(|| text("device/wwid")),
        rotational: text("queue/rotational").as_deref() == Some("1"),
        transport: place.as_deref().and_then(attachment::transport),
        path: place.as_deref().and_then(attachment::path),
        name,
    })
}

/// The serial number page of a SCSI or SATA disk (SPC-4 §7.8.15): four bytes of header, then the text.
fn unit_serial(host: &Host, name: &str) -> Option<String> {
    let page = std::fs::read(host.path(&format!("sys/block/{name}/device/vpd_pg80"))).ok()?;
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    let text = String::from_utf8_lossy(page.get(4..)?.get(..length)?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::FakeMachine;

    #[test]
    fn only_built_in_disks_are_disks() {
        let machine = FakeMachine::new()
            .disk("vda", 1 << 20, "first")
            .disk("sda", 1 << 20, "stick")
            .disk("loop0", 1 << 20, "")
            .disk("md127", 1 << 20, "")
            .disk("mmcblk0boot0", 1 << 20, "")
            .disk("nvme0n1", 2 << 20, "second");
        machine.write("sys/block/sda/removable", "1");
        machine.write("sys/block/sr0/size", "2048");
        machine.write("sys/block/vdb/size", "0");
        let disks: Vec<(String, u64)> =
            read(&machine.host).into_iter().map(|disk| (disk.name, disk.size_bytes)).collect();
        assert_eq!(disks, [("nvme0n1".to_owned(), 2 << 20), ("vda".to_owned(), 1 << 20)]);
    }

    #[test]
    fn a_scsi_disk_tells_its_serial_number_in_a_page() {
        let machine = FakeMachine::new().disk("sda", 1 << 20, "");
        machine.write("sys/block/sda/device/vpd_pg80", b"\x00\x80\x00\x08  WD-123 trailing");
        assert_eq!(read(&machine.host)[0].serial.as_deref(), Some("WD-123"));
        machine.write("sys/block/sda/device/vpd_pg80", b"\x00\x80\x01\x00WD");
        assert_eq!(read(&machine.host)[0].serial, None);
    }
}
