# Packer fetches its builders as plugins since 1.7. A file of its own, as 1.6 knows no such block.
packer {
  required_version = ">= 1.9"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
  }
}
