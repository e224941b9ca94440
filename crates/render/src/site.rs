//! Everything that is declared and belongs to no single machine.

use lifecycle::Declarations;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{
    BootEnvs, DeclaredParams, Designs, Groups, HardwareProfiles, Media, ObjectKind, OperatingSystems, PartitionTables,
    Profiles, Store, StoreError, Subnets, Templates, Workflows,
};
use template::TemplateSet;
use types::Name;
use types::bootenv::BootEnvSpec;
use types::design::DesignSpec;
use types::group::GroupSpec;
use types::hardware::HardwareProfileSpec;
use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
use types::param::{ParamSpec, ProfileSpec};
use types::subnet::SubnetSpec;
use types::template::TemplateSpec;
use workflow::WorkflowSpec;

/// Objects that are read from the store in one go.
const BATCH: usize = 1000;

/// The objects of one kind, by name.
pub type Declared<Spec> = BTreeMap<Name, Spec>;

/// Everything that is declared and belongs to no single machine, as it was at one moment.
#[derive(Debug, Default)]
pub struct Site {
    /// Which state of the store it is.
    pub version: u64,
    /// Boot environments.
    pub boot_envs: Declared<BootEnvSpec>,
    /// Designs.
    pub designs: Declared<DesignSpec>,
    /// Groups.
    pub groups: Declared<GroupSpec>,
    /// Device types.
    pub hardware_profiles: Declared<HardwareProfileSpec>,
    /// Installation media.
    pub media: Declared<MediumSpec>,
    /// Operating systems.
    pub operating_systems: Declared<OperatingSystemSpec>,
    /// Disk layouts.
    pub partition_tables: Declared<PartitionTableSpec>,
    /// Profiles.
    pub profiles: Declared<ProfileSpec>,
    /// Subnets.
    pub subnets: Declared<SubnetSpec>,
    /// Templates.
    pub templates: Declared<TemplateSpec>,
    /// Workflows.
    pub workflows: Declared<WorkflowSpec>,
    /// What is known of parameters.
    pub declarations: Declarations,
    /// Templates and layouts, compiled. A layout whose name a template has is found as `layout/NAME`.
    pub library: TemplateSet,
}

impl Site {
    /// The name of a layout's text in the library.
    pub fn layout_text(&self, name: &Name) -> String {
        if self.templates.contains_key(name) { format!("layout/{name}") } else { name.to_string() }
    }

    /// Compiles what was read.
    pub fn compile(mut self, declared: &Declared<ParamSpec>) -> Self {
        // A declaration whose schema is none cannot be applied; one that got in all the same counts for nothing.
        let good = declared.iter().filter(|(_, spec)| lifecycle::check_declaration(spec).is_empty());
        let by_key = good.map(|(name, spec)| (spec.key(name).to_owned(), spec.clone()));
        self.declarations = Declarations::new(by_key).unwrap_or_default();
        let templates = self.templates.iter().map(|(name, spec)| (name.to_string(), spec.text.clone()));
        let layouts = self.partition_tables.iter().map(|(name, spec)| (self.layout_text(name), spec.text.clone()));
        self.library = TemplateSet::new(templates.chain(layouts).collect::<Vec<_>>());
        self
    }

    async fn load(store: &Store, version: u64) -> Result<Self, StoreError> {
        let declared = all::<DeclaredParams>(store).await?;
        let site = Self {
            version,
            boot_envs: all::<BootEnvs>(store).await?,
            designs: all::<Designs>(store).await?,
            groups: all::<Groups>(store).await?,
            hardware_profiles: all::<HardwareProfiles>(store).await?,
            media: all::<Media>(store).await?,
            operating_systems: all::<OperatingSystems>(store).await?,
            partition_tables: all::<PartitionTables>(store).await?,
            profiles: all::<Profiles>(store).await?,
            subnets: all::<Subnets>(store).await?,
            templates: all::<Templates>(store).await?,
            workflows: all::<Workflows>(store).await?,
            declarations: Declarations::default(),
            library: TemplateSet::default(),
        };
        Ok(site.compile(&declared))
    }
}

async fn all<K: ObjectKind>(store: &Store) -> Result<Declared<K::Spec>, StoreError> {
    let mut all = BTreeMap::new();
    loop {
        let after = all.last_key_value().map(|(name, _): (&Name, _)| name.clone());
        let batch = store.list::<K>(after.as_ref(), BATCH).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch.into_iter().map(|object| (object.name, object.spec)));
    }
}

/// The site as the store has it now. Cheap to clone.
#[derive(Clone)]
pub struct Sites {
    store: Store,
    current: Arc<Mutex<Arc<Site>>>,
}

impl Sites {
    /// Of this store.
    pub fn new(store: Store) -> Self {
        Self { store, current: Arc::default() }
    }

    /// The site, no older than this call: whatever was committed before it is in it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn current(&self) -> Result<Arc<Site>, StoreError> {
        // Read before the objects: a change in between makes the next caller load again, and is missed by nobody.
        let version = self.store.declared_version();
        let known = Arc::clone(&self.lock());
        if known.version == version {
            return Ok(known);
        }
        let site = Arc::new(Site::load(&self.store, version).await?);
        let mut current = self.lock();
        if current.version < version {
            *current = Arc::clone(&site);
        }
        Ok(site)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Site>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
