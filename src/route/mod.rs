//! Which route a call takes. In: a `Call`. Out: a `Hit`, or "no such route" or "not this
//! method". The path is chosen first and then the method, so that a guarded literal can never
//! be reached through an open greedy sibling.
//! Knows nothing of policies or integrations but their names.

mod tree;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::call::Call;
use crate::config::{Route, RouteMethods};
use crate::method::Method;
use crate::refusal::Refusal;

use tree::Tree;

/// The routes of a configuration, ready to be searched.
#[derive(Debug)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    tree: Tree<Resource>,
}

/// A call's route. Only [`Routes::find`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'r> {
    route: &'r Arc<Route>,
    index: usize,
}

impl<'r> Hit<'r> {
    /// The route that was found.
    pub fn route(&self) -> &'r Arc<Route> {
        self.route
    }

    /// Its place in the configuration, by which compiled parts are found.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// One path pattern of one host: a route for each method it has.
#[derive(Debug, Default)]
struct Resource {
    by_method: [Option<usize>; Method::ALL.len()],
    allow: Arc<str>,
}

impl Routes {
    /// Compiles valid routes: no two of them take the same call.
    pub fn new(routes: &[Route]) -> Self {
        let mut tree = Tree::<Resource>::default();
        for (index, route) in routes.iter().enumerate() {
            let resource = tree.entry(&route.path, route.host.as_deref());
            for method in methods(&route.methods) {
                resource.by_method[*method as usize] = Some(index);
            }
            resource.allow = allow(resource).into();
        }
        Self {
            all: routes.iter().cloned().map(Arc::new).collect(),
            tree,
        }
    }

    /// Finds the route of a call.
    ///
    /// # Errors
    /// No route has the path, the route has not the method, or the path has a shape that
    /// the route does not allow.
    pub fn find(&self, call: &Call<'_>) -> Result<Hit<'_>, Refusal> {
        let refused_shape = |allowed| call.shapes().first_outside(allowed);
        let Some(resource) = self.tree.find(call.path(), call.host()) else {
            return Err(match refused_shape(Default::default()) {
                Some(shape) => Refusal::PathRefused(shape),
                None => Refusal::RouteNotFound,
            });
        };
        let Some(index) = resource.by_method[call.method() as usize] else {
            return Err(match refused_shape(Default::default()) {
                Some(shape) => Refusal::PathRefused(shape),
                None => Refusal::MethodNotAllowed {
                    allow: resource.allow.clone(),
                },
            });
        };
        let route = &self.all[index];
        match refused_shape(route.allow_path) {
            Some(shape) => Err(Refusal::PathRefused(shape)),
            None => Ok(Hit { route, index }),
        }
    }

    /// The routes in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }
}

fn methods(methods: &RouteMethods) -> &[Method] {
    match methods {
        RouteMethods::Any => &Method::ALL,
        RouteMethods::Some(some) => some,
    }
}

fn allow(resource: &Resource) -> String {
    let mut text = String::new();
    for method in Method::ALL {
        if resource.by_method[method as usize].is_some() {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{}", method.as_str());
        }
    }
    text
}
