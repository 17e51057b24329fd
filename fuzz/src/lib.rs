//! Fuzz targets are the binaries of this package.
