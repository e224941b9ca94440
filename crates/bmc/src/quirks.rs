//! What BMCs get wrong, as questions named by the defect, each with where it was seen.
//!
//! A mere difference is not here: where settings are written, which resets, boot targets and drives there
//! are, all that is discovered from the BMC. Nothing outside this file asks for a vendor.

/// Families of BMC that share their defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Platform {
    DellIdrac,
    HpeIlo,
    LenovoXcc,
    Supermicro,
    SlipwayLab,
    Other,
}

/// The defects of one BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    platform: Platform,
}

impl Quirks {
    /// The defects of the BMC in a system of `manufacturer`.
    pub fn of(manufacturer: &str) -> Self {
        let manufacturer = manufacturer.trim().to_ascii_lowercase();
        let starts = |prefix: &str| manufacturer.starts_with(prefix);
        let platform = if starts("dell") {
            Platform::DellIdrac
        } else if starts("hpe") || starts("hewlett") {
            Platform::HpeIlo
        } else if starts("lenovo") {
            Platform::LenovoXcc
        } else if starts("supermicro") || starts("super micro") {
            Platform::Supermicro
        } else if starts("slipway lab") {
            Platform::SlipwayLab
        } else {
            Platform::Other
        };
        Self { platform }
    }

    /// `SerialNumber` is the mainboard's, and the one on the label (and in SMBIOS) is `SKU`.
    /// Seen on PowerEdge R750, iDRAC 6.00.30.00: `CNIVC0014M0388` and `F54P1G3`.
    pub fn shows_the_board_serial_as_the_systems(&self) -> bool {
        self.platform == Platform::DellIdrac
    }

    /// A boot override without a mode sets the mode back to the BMC's default, so it has to be repeated.
    /// Supermicro says it is meant so: DMTF/Redfishtool, pull request 106.
    pub fn forgets_the_boot_mode_that_is_not_repeated(&self) -> bool {
        self.platform == Platform::Supermicro
    }

    /// Drives are listed that refuse an image by URL: `Remote*` and `RDOC*` are for uploads and for the browser.
    /// Seen on ThinkSystem SR670 V2, XCC 2.83; lenovo/python-redfish-lenovo, issue 21.
    pub fn refuses_images_in_drive(&self, slot: &str) -> bool {
        self.platform == Platform::LenovoXcc && !slot.starts_with("EXT")
    }

    /// `LastResetTime` changes with every reset, at once, so an unchanged one proves that there was none.
    /// True of the lab's BMC; on R750 (iDRAC 6.00.30.00) it is there, but nobody measured how late it changes.
    pub fn proves_resets(&self) -> bool {
        self.platform == Platform::SlipwayLab
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manufacturers_are_recognised_as_the_captured_trees_spell_them() {
        assert_eq!(Quirks::of("Dell Inc.").platform, Platform::DellIdrac);
        assert_eq!(Quirks::of("HPE").platform, Platform::HpeIlo);
        assert_eq!(Quirks::of("Lenovo").platform, Platform::LenovoXcc);
        assert_eq!(Quirks::of("Supermicro").platform, Platform::Supermicro);
        assert_eq!(Quirks::of("").platform, Platform::Other);
    }

    #[test]
    fn only_the_external_drives_of_an_xcc_take_a_url() {
        let quirks = Quirks::of("Lenovo");
        assert!(!quirks.refuses_images_in_drive("EXT1"));
        assert!(quirks.refuses_images_in_drive("RDOC1"));
        assert!(!Quirks::of("HPE").refuses_images_in_drive("2"));
    }
}
