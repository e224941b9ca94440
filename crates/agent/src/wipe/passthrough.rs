//! Commands to drives through the kernel: NVMe admin commands, and ATA commands inside SCSI ones.

use super::erase::Drive;
use std::ffi::{c_int, c_uint, c_void};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

/// An NVMe admin command.
pub(super) struct NvmeCommand<'a> {
    pub(super) opcode: u8,
    pub(super) namespace: u32,
    /// Command dwords 10 to 15.
    pub(super) dwords: [u32; 6],
    /// What the controller fills.
    pub(super) data: &'a mut [u8],
    pub(super) timeout: Duration,
}

impl NvmeCommand<'_> {
    pub(super) fn new(opcode: u8, namespace: u32, timeout: Duration) -> Self {
        Self { opcode, namespace, dwords: [0; 6], data: &mut [], timeout }
    }
}

/// An ATA command with at most one sector of data.
pub(super) struct AtaCommand<'a> {
    pub(super) command: u8,
    pub(super) timeout: Duration,
    pub(super) data: Option<AtaData<'a>>,
}

/// Where the data of an ATA command goes.
pub(super) enum AtaData<'a> {
    /// From the drive.
    In(&'a mut [u8]),
    /// To the drive.
    Out(&'a [u8]),
}

/// A block device as the kernel knows it.
pub(super) struct Kernel(File);

impl Kernel {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }

    fn is_device(&self) -> bool {
        self.0.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device())
    }
}

/// `struct nvme_passthru_cmd` (linux/nvme_ioctl.h).
#[repr(C)]
#[derive(Default)]
struct NvmePassthru {
    opcode: u8,
    flags: u8,
    reserved: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

/// `struct sg_io_hdr` (scsi/sg.h).
#[repr(C)]
struct SgIo {
    interface_id: c_int,
    dxfer_direction: c_int,
    cmd_len: u8,
    mx_sb_len: u8,
    iovec_count: u16,
    dxfer_len: c_uint,
    dxferp: *mut c_void,
    cmdp: *const u8,
    sbp: *mut u8,
    timeout: c_uint,
    flags: c_uint,
    pack_id: c_int,
    usr_ptr: *mut c_void,
    status: u8,
    masked_status: u8,
    msg_status: u8,
    sb_len_wr: u8,
    host_status: u16,
    driver_status: u16,
    resid: c_int,
    duration: c_uint,
    info: c_uint,
}

impl Drive for Kernel {
    fn nvme(&self, command: &mut NvmeCommand<'_>) -> io::Result<u32> {
        let mut raw = NvmePassthru {
            opcode: command.opcode,
            nsid: command.namespace,
            addr: command.data.as_mut_ptr() as u64,
            data_len: u32::try_from(command.data.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            cdw10: command.dwords,
            timeout_ms: u32::try_from(command.timeout.as_millis()).unwrap_or(u32::MAX),
            ..NvmePassthru::default()
        };
        match admin_command(&self.0, &mut raw)? {
            0 => Ok(raw.result),
            status => Err(io::Error::other(format!("NVMe status {status:#x}"))),
        }
    }

    #[expect(unsafe_code, reason = "NVME_IOCTL_ID has no safe wrapper in rustix")]
    fn nvme_namespace(&self) -> io::Result<u32> {
        /// `_IO('N', 0x40)`.
        struct Id;
        // SAFETY: NVME_IOCTL_ID (linux/nvme_ioctl.h) takes no argument and returns the namespace's number.
        unsafe impl rustix::ioctl::Ioctl for Id {
            type Output = u32;
            const IS_MUTATING: bool = false;
            fn opcode(&self) -> rustix::ioctl::Opcode {
                rustix::ioctl::opcode::none(b'N', 0x40)
            }
            fn as_ptr(&mut self) -> *mut c_void {
                std::ptr::null_mut()
            }
            unsafe fn output_from_ptr(output: rustix::ioctl::IoctlOutput, _: *mut c_void) -> rustix::io::Result<u32> {
                u32::try_from(output).map_err(|_| rustix::io::Errno::INVAL)
            }
        }
        // SAFETY: as above.
        Ok(unsafe { rustix::ioctl::ioctl(&self.0, Id) }?)
    }

    fn ata(&self, command: &mut AtaCommand<'_>) -> io::Result<()> {
        const NO_DATA: c_int = -1;
        const TO_DEVICE: c_int = -2;
        const FROM_DEVICE: c_int = -3;
        let cdb = cdb(command);
        let mut sense = [0_u8; 32];
        let (direction, length, place) = match &mut command.data {
            None => (NO_DATA, 0, std::ptr::null_mut()),
            Some(AtaData::In(bytes)) => (FROM_DEVICE, bytes.len(), bytes.as_mut_ptr().cast::<c_void>()),
            // The kernel only reads what is sent to the drive.
            Some(AtaData::Out(bytes)) => (TO_DEVICE, bytes.len(), bytes.as_ptr().cast_mut().cast::<c_void>()),
        };
        let mut raw = SgIo {
            interface_id: c_int::from(b'S'),
            dxfer_direction: direction,
            cmd_len: 16,
            mx_sb_len: 32,
            iovec_count: 0,
            dxfer_len: c_uint::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?,
            dxferp: place,
            cmdp: cdb.as_ptr(),
            sbp: sense.as_mut_ptr(),
            timeout: c_uint::try_from(command.timeout.as_millis()).unwrap_or(c_uint::MAX),
            flags: 0,
            pack_id: 0,
            usr_ptr: std::ptr::null_mut(),
            status: 0,
            masked_status: 0,
            msg_status: 0,
            sb_len_wr: 0,
            host_status: 0,
            driver_status: 0,
            resid: 0,
            duration: 0,
            info: 0,
        };
        scsi_command(&self.0, &mut raw)?;
        match (raw.status, raw.host_status) {
            (0, 0) => Ok(()),
            (status, host) => Err(io::Error::other(format!("SCSI status {status:#x}, host status {host:#x}"))),
        }
    }

    fn forget_cached(&self) -> io::Result<()> {
        if self.is_device() {
            flush_buffers(&self.0)?;
        }
        Ok(rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed)?)
    }
}

/// ATA PASS-THROUGH (16), with its result reported as an error when the drive refuses (SAT-3 §12.2.2.2).
fn cdb(command: &AtaCommand<'_>) -> [u8; 16] {
    const NON_DATA: u8 = 3 << 1;
    const PIO_IN: u8 = 4 << 1;
    const PIO_OUT: u8 = 5 << 1;
    // T_LENGTH: in the sector count; BYT_BLOK: in blocks; T_DIR: from the drive.
    let (protocol, flags, sectors) = match command.data {
        None => (NON_DATA, 0, 0),
        Some(AtaData::In(_)) => (PIO_IN, 0x0e, 1),
        Some(AtaData::Out(_)) => (PIO_OUT, 0x06, 1),
    };
    let mut cdb = [0; 16];
    (cdb[0], cdb[1], cdb[2], cdb[6], cdb[14]) = (0x85, protocol, flags, sectors, command.command);
    cdb
}

/// The status is the drive's; negative numbers are the kernel's and come as errors.
#[expect(unsafe_code, reason = "NVME_IOCTL_ADMIN_CMD has no safe wrapper in rustix")]
fn admin_command(device: &File, command: &mut NvmePassthru) -> io::Result<c_int> {
    struct Admin<'a>(&'a mut NvmePassthru);
    // SAFETY: NVME_IOCTL_ADMIN_CMD (linux/nvme_ioctl.h) takes a pointer to this structure, whose data pointer and
    // length are those of a live slice, and returns the drive's status.
    unsafe impl rustix::ioctl::Ioctl for Admin<'_> {
        type Output = c_int;
        const IS_MUTATING: bool = true;
        fn opcode(&self) -> rustix::ioctl::Opcode {
            rustix::ioctl::opcode::read_write::<NvmePassthru>(b'N', 0x41)
        }
        fn as_ptr(&mut self) -> *mut c_void {
            std::ptr::from_mut(self.0).cast()
        }
        unsafe fn output_from_ptr(output: rustix::ioctl::IoctlOutput, _: *mut c_void) -> rustix::io::Result<c_int> {
            Ok(output)
        }
    }
    // SAFETY: as above.
    Ok(unsafe { rustix::ioctl::ioctl(device, Admin(command)) }?)
}

#[expect(unsafe_code, reason = "SG_IO has no safe wrapper in rustix")]
fn scsi_command(device: &File, command: &mut SgIo) -> io::Result<()> {
    /// SG_IO (scsi/sg.h) is older than the scheme of numbers.
    const SG_IO: rustix::ioctl::Opcode = 0x2285;
    // SAFETY: SG_IO takes a pointer to this structure, whose pointers and lengths are those of live arrays and slices.
    let sent = unsafe { rustix::ioctl::ioctl(device, rustix::ioctl::Updater::<SG_IO, SgIo>::new(command)) };
    Ok(sent?)
}

#[expect(unsafe_code, reason = "BLKFLSBUF has no safe wrapper in rustix")]
fn flush_buffers(device: &File) -> io::Result<()> {
    const BLKFLSBUF: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 97);
    // SAFETY: BLKFLSBUF (linux/fs.h) takes no argument and returns none.
    Ok(unsafe { rustix::ioctl::ioctl(device, rustix::ioctl::NoArg::<BLKFLSBUF>::new()) }?)
}
